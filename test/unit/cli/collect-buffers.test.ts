import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const SOURCE = join(import.meta.dirname, '../../../src/cli/collect-buffers.ts');

/** MiB of buffers that are there a while after 48 were dropped; and whether code that is compiled afterwards can be kept. */
async function afterDropping(first: string): Promise<{ left: number; refused: boolean }> {
  const program = `
    import { setFlagsFromString } from 'node:v8';
    import { Script } from 'node:vm';
    import { collectBuffers } from ${JSON.stringify(SOURCE)};
    const early = new Script('1 + 1').createCachedData();
    let left;
    process.on('exit', () => {
      setFlagsFromString('--semi-space-growth-factor=2');
      const refused = new Script('1 + 1', { cachedData: early }).cachedDataRejected;
      console.log(JSON.stringify({ left, refused }));
    });
    ${first}
    let held;
    setTimeout(() => (held = Array.from({ length: 48 }, () => Buffer.alloc(1 << 20))), 600);
    setTimeout(() => (held = []), 620);
    setTimeout(() => (left = process.memoryUsage().arrayBuffers / (1 << 20)), 1500);
  `;
  const { outputFiles } = await build({ stdin: { contents: program, resolveDir: import.meta.dirname }, bundle: true, platform: 'node', format: 'cjs', write: false });
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', outputFiles[0]!.text]);
  return JSON.parse(stdout) as { left: number; refused: boolean };
}

test('buffers that nobody holds go soon, which V8 would let stand; code that was kept is taken', async () => {
  expect((await afterDropping('')).left).toBeGreaterThan(32);
  const { left, refused } = await afterDropping('collectBuffers();');
  expect([left < 8, refused]).toEqual([true, false]);
});
