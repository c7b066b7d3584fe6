import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const SOURCE = join(import.meta.dirname, '../../../src/cli/collect-buffers.ts');

/** MiB of buffers (the median) that are there while 200 a second come and go; and whether code that is compiled afterwards can be kept. */
async function whileFlowing(first: string): Promise<{ left: number; refused: boolean }> {
  const program = `
    import { setFlagsFromString } from 'node:v8';
    import { Script } from 'node:vm';
    import { collectBuffers } from ${JSON.stringify(SOURCE)};
    const early = new Script('1 + 1').createCachedData();
    process.on('exit', () => {
      setFlagsFromString('--semi-space-growth-factor=2');
      const refused = new Script('1 + 1', { cachedData: early }).cachedDataRejected;
      console.log(JSON.stringify({ left: left.sort((a, b) => a - b)[left.length >> 1], refused }));
    });
    ${first}
    let held;
    const left = [];
    const flowing = setInterval(() => {
      held = Buffer.alloc(2 << 20);
      if (process.uptime() > 0.7) left.push(process.memoryUsage().arrayBuffers / (1 << 20));
    }, 10);
    setTimeout(() => clearInterval(flowing), 2000);
  `;
  const { outputFiles } = await build({ stdin: { contents: program, resolveDir: import.meta.dirname }, bundle: true, platform: 'node', format: 'cjs', write: false });
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', outputFiles[0]!.text]);
  return JSON.parse(stdout) as { left: number; refused: boolean };
}

test('buffers that nobody holds go soon, which V8 would let stand; code that was kept is taken', async () => {
  const without = await whileFlowing('');
  const { left, refused } = await whileFlowing('collectBuffers();');
  expect(left).toBeLessThan(without.left * 0.8);
  expect(refused).toBe(false);
});
