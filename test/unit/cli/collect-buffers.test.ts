import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const FLAGS = join(import.meta.dirname, '../../../src/cli/v8-flags.ts');
const SOURCE = join(import.meta.dirname, '../../../src/cli/collect-buffers.ts');

interface Flow {
  readonly left: number;
  readonly refused: boolean;
  readonly whole: number;
}

/**
 * MiB of buffers (the median) that are there while 200 of 2 MiB come and go, of which so many are held at a time; whether code that
 * is compiled afterwards can be kept; and how many whole collections were asked for. A machine that is busy takes longer to it, and comes to as many.
 */
async function whileFlowing(first: string, holding: number): Promise<Flow> {
  const program = `
    import { setFlagsFromString } from 'node:v8';
    import { Script } from 'node:vm';
    import { constants, PerformanceObserver } from 'node:perf_hooks';
    import { collectBuffers } from ${JSON.stringify(SOURCE)};
    import { USUAL } from ${JSON.stringify(FLAGS)};
    let whole = 0;
    const isWhole = ({ detail: { kind, flags } }) => kind === constants.NODE_PERFORMANCE_GC_MAJOR && (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0;
    new PerformanceObserver((list) => (whole += list.getEntries().filter(isWhole).length)).observe({ entryTypes: ['gc'] });
    const early = new Script('1 + 1').createCachedData();
    process.on('exit', () => {
      USUAL.forEach(setFlagsFromString);
      const refused = new Script('1 + 1', { cachedData: early }).cachedDataRejected;
      console.log(JSON.stringify({ left: left.sort((a, b) => a - b)[left.length >> 1], refused, whole }));
    });
    ${first}
    const held = [];
    const left = [];
    const flowing = setInterval(() => {
      if (process.uptime() < 0.7) return;
      held.push(Buffer.alloc(2 << 20));
      if (held.length > ${holding}) held.shift();
      left.push(process.memoryUsage().arrayBuffers / (1 << 20));
      if (left.length === 200) clearInterval(flowing);
    }, 10);
  `;
  const { outputFiles } = await build({ stdin: { contents: program, resolveDir: import.meta.dirname }, bundle: true, platform: 'node', format: 'cjs', write: false });
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', outputFiles[0]!.text]);
  return JSON.parse(stdout) as Flow;
}

test('buffers that nobody holds go soon, which V8 would let stand; code that was kept is taken', async () => {
  const without = await whileFlowing('', 1);
  const { left, refused } = await whileFlowing('collectBuffers();', 1);
  expect(left).toBeLessThan(without.left * 0.8);
  expect(refused).toBe(false);
});

test('those that had been held for longer go as well, which takes a whole collection', async () => {
  const { whole } = await whileFlowing('collectBuffers();', 10);
  expect(whole).toBeGreaterThan(0);
});
