import { expect, test } from '@jest/globals';
import type { Readable } from 'node:stream';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { prepareContainer } from '../../../src/builders/prepare.js';
import type { Container } from '../../../src/engine/engine.js';
import { MemoryStore } from '../../../src/store/memory.js';

const ACCOUNT = { uid: 1234, gid: 2345, name: 'builder', home: '/wheelwright/home' };
const FILES: Readonly<Record<string, string>> = { '/etc/passwd': 'root:x:0:0::/root:/bin/sh\n', '/etc/group': 'root:x:0:\n' };

/** What is asked of a container and put into it. */
function fakeContainer() {
  const asked: string[] = [];
  const put = new Map<string, string>();
  const container = {
    getArchive: async (path: string) => {
      asked.push(path);
      const content = Buffer.from(FILES[path] as string);
      return tarOf([{ entry: { type: 'file', path: path.slice(5), mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size: content.length }, content }]);
    },
    putArchive: async (_: string, tar: Readable) => {
      for await (const { entry, content } of readTar(tar, { subject: 'preparation' })) {
        const chunks: Buffer[] = [];
        for await (const chunk of content) chunks.push(chunk as Buffer);
        put.set(entry.path, Buffer.concat(chunks).toString());
      }
    },
  } as unknown as Container;
  return { asked, put, container };
}

const prepared = async (image: string, store: MemoryStore) => {
  const { asked, put, container } = fakeContainer();
  await prepareContainer(container, { account: ACCOUNT, image, store, ca: undefined });
  expect([put.get('etc/passwd'), put.get('etc/group')]).toEqual([
    expect.stringMatching(/^root:x:0:0::\/root:\/bin\/sh\nbuilder:x:1234:2345:/),
    expect.stringMatching(/^root:x:0:\n[^:]+:x:2345:/),
  ]);
  return asked.sort();
};

test('accounts of an image are read once per image id, and each time where an image is named', async () => {
  const store = new MemoryStore();
  const [one, other] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
  expect(await prepared(one, store)).toEqual(['/etc/group', '/etc/passwd']);
  expect(await prepared(one, store)).toEqual([]);
  expect(await prepared(other, store)).toEqual(['/etc/group', '/etc/passwd']);
  expect(await prepared('builder:latest', store)).toEqual(['/etc/group', '/etc/passwd']);
  expect(await prepared('builder:latest', store)).toEqual(['/etc/group', '/etc/passwd']);
});
