import { expect, test } from '@jest/globals';
import { tarOf } from '../../../src/archive/pack-tar.js';

test('a big content waits for room many times and leaves no listener behind', async () => {
  const warnings: string[] = [];
  const listen = (warning: Error) => void warnings.push(warning.name);
  process.on('warning', listen);
  const size = 8 * 1024 * 1024;
  async function* content() {
    for (let left = size; left > 0; left -= 64 * 1024) yield Buffer.alloc(64 * 1024);
  }
  let bytes = 0;
  for await (const chunk of tarOf([{ entry: { type: 'file', path: 'big', mode: 0o644, uid: 0, gid: 0, mtime: 0, size }, content: content() }])) bytes += (chunk as Buffer).length;
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  expect(bytes).toBe(size + 512 + 1024);
  expect(warnings).toEqual([]);
});
