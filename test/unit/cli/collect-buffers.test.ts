import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const SOURCE = join(import.meta.dirname, '../../../src/cli/collect-buffers.ts');

/** The most MiB of buffers that are there while 200 a second come and go; and whether code that is compiled afterwards can be kept. */
async function whileFlowing(first: string): Promise<{ left: number; refused: boolean }> {
  const program = `
    import { setFlagsFromString } from 'node:v8';
    import { Script } from 'node:vm';
    import { collectBuffers } from ${JSON.stringify(SOURCE)};
    const early = new Script('1 + 1').createCachedData();
    process.on('exit', () => {
      setFlagsFromString('--semi-space-growth-factor=2');
      const refused = new Script('1 + 1', { cachedData: early }).cachedDataRejected;
      console.log(JSON.stringify({ left, refused }));
    });
    ${first}
    let held;
    let left = 0;
    const flowing = setInterval(() => {
      held = Buffer.alloc(2 << 20);
      if (process.uptime() > 0.7) left = Math.max(left, process.memoryUsage().arrayBuffers / (1 << 20));
    }, 10);
    setTimeout(() => clearInterval(flowing), 1500);
  `;
  const { outputFiles } = await build({ stdin: { contents: program, resolveDir: import.meta.dirname }, bundle: true, platform: 'node', format: 'cjs', write: false });
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', outputFiles[0]!.text]);
  return JSON.parse(stdout) as { left: number; refused: boolean };
}

test('buffers that nobody holds go soon, which V8 would let stand; code that was kept is taken', async () => {
  expect((await whileFlowing('')).left).toBeGreaterThan(30);
  const { left, refused } = await whileFlowing('collectBuffers();');
  expect([left < 24, refused]).toEqual([true, false]);
});
