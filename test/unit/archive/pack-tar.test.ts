import { expect, test } from '@jest/globals';
import { buffer } from 'node:stream/consumers';
import type { Entry } from '../../../src/archive/entry.js';
import { tarChunks, tarOf, type PackItem } from '../../../src/archive/pack-tar.js';

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

test('without a stream it is the same tar, in one buffer that is used again', async () => {
  const item = (path: string, content: NonNullable<PackItem['content']>, size: number): PackItem => ({ entry: { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0, size }, content });
  const folder: Entry = { type: 'directory', path: 'long/'.repeat(60), mode: 0o755, uid: 0, gid: 0, mtime: 0 };
  const parts = async function* () {
    yield Buffer.alloc(300_000, 'p');
    yield Buffer.alloc(1, 'q');
  };
  const items = (): PackItem[] => [{ entry: folder }, item('empty', Buffer.alloc(0), 0), item('big', Buffer.alloc(700_001, 'b'), 700_001), item('parts', parts(), 300_001), item('last', Buffer.from('x'), 1)];
  const used = new Set<unknown>();
  const copies: Buffer[] = [];
  for await (const chunk of tarChunks(items())) {
    used.add(chunk.buffer);
    copies.push(Buffer.from(chunk));
  }
  expect(used.size).toBe(1);
  expect(Buffer.concat(copies).equals(await buffer(tarOf(items())))).toBe(true);
  for (const wrong of [item('a', Buffer.from('x'), 2), item('a', parts(), 300_002), item('a', parts(), 300_000)]) {
    await expect(async () => {
      for await (const chunk of tarChunks([wrong])) expect(chunk.length).toBeGreaterThan(0);
    }).rejects.toThrow('the content of a is not of the size');
  }
});
