import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const FLAGS = join(import.meta.dirname, '../../../src/cli/v8-flags.ts');
const SOURCE = join(import.meta.dirname, '../../../src/cli/collect-buffers.ts');

/**
 * MiB of buffers (the median) that are there while 200 of 2 MiB come and go, of which so many are held at a time; and whether code
 * that is compiled afterwards can be kept. A machine that is busy takes longer to it, and comes to as many.
 */
async function whileFlowing(first: string, holding: number): Promise<{ left: number; refused: boolean }> {
  const program = `
    import { setFlagsFromString } from 'node:v8';
    import { Script } from 'node:vm';
    import { collectBuffers } from ${JSON.stringify(SOURCE)};
    import { USUAL } from ${JSON.stringify(FLAGS)};
    const early = new Script('1 + 1').createCachedData();
    process.on('exit', () => {
      USUAL.forEach(setFlagsFromString);
      const refused = new Script('1 + 1', { cachedData: early }).cachedDataRejected;
      console.log(JSON.stringify({ left: left.sort((a, b) => a - b)[left.length >> 1], refused }));
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
  return JSON.parse(stdout) as { left: number; refused: boolean };
}

test('buffers that nobody holds go soon, which V8 would let stand; code that was kept is taken', async () => {
  const without = await whileFlowing('', 1);
  const { left, refused } = await whileFlowing('collectBuffers();', 1);
  expect(left).toBeLessThan(without.left * 0.8);
  expect(refused).toBe(false);
});

test('buffers that were held for longer go as well', async () => {
  const { left } = await whileFlowing('collectBuffers();', 10);
  expect(left).toBeLessThan(40);
});
