import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const SOURCE = join(import.meta.dirname, '../../../src/cli/collect-buffers.ts');

/** MiB of buffers that are there a while after 48 were dropped; and whether code that is compiled afterwards can be kept. */
async function afterDropping(first: string): Promise<{ left: number; refused: boolean }> {
  const program = `
    import { Script } from 'node:vm';
    import { collectBuffers } from ${JSON.stringify(SOURCE)};
    const early = new Script('1 + 1').createCachedData();
    ${first}
    let held = Array.from({ length: 48 }, () => Buffer.alloc(1 << 20));
    setTimeout(() => (held = []), 50);
    setTimeout(() => {
      const refused = new Script('1 + 1', { cachedData: early }).cachedDataRejected;
      console.log(JSON.stringify({ left: process.memoryUsage().arrayBuffers / (1 << 20), refused }));
    }, 500);
  `;
  const { outputFiles } = await build({ stdin: { contents: program, resolveDir: import.meta.dirname }, bundle: true, platform: 'node', format: 'cjs', write: false });
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', outputFiles[0]!.text]);
  return JSON.parse(stdout) as { left: number; refused: boolean };
}

test('buffers that nobody holds go soon, which V8 would let stand; the flags are as before', async () => {
  expect((await afterDropping('')).left).toBeGreaterThan(32);
  const { left, refused } = await afterDropping('collectBuffers();');
  expect([left < 8, refused]).toEqual([true, false]);
});
