import { describe, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, truncateSync, writeFileSync, chmodSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Failed } from '../../../src/core/failure.js';
import type { Digest } from '../../../src/core/identity.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { CorruptBlob, MissingBlob } from '../../../src/store/store.js';
import type { Store } from '../../../src/store/store.js';
import { openTemporaryStore } from '../../unit/store/rig.js';

interface Subject {
  readonly store: Store;
  /** Replaces a blob's bytes behind the store's back. */
  damage(digest: Digest, bytes: Buffer): void;
  /** Nothing half-written is left. */
  isClean(): boolean;
}

const subjects: readonly [string, () => Promise<Subject>][] = [
  ['memory', async () => {
    const store = new MemoryStore();
    return { store, damage: (digest, bytes) => void store.blobs.set(digest, bytes), isClean: () => true };
  }],
  ['local directory', async () => {
    const { store } = await openTemporaryStore();
    return {
      store,
      damage: (digest, bytes) => {
        chmodSync(store.pathOf(digest), 0o644);
        writeFileSync(store.pathOf(digest), bytes);
      },
      isClean: () => readdirSync(store.layout.tmp).length === 0,
    };
  }],
];

const sha256 = (bytes: Buffer): Digest => createHash('sha256').update(bytes).digest('hex') as Digest;
const NOWHERE = 'a'.repeat(64) as Digest;

describe.each(subjects)('store in %s', (_name, make) => {
  test.each([0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 3_000_000])('a blob of %d bytes comes back, from a buffer and a stream', async (size) => {
    const { store, isClean } = await make();
    const bytes = randomBytes(size);
    expect(await store.hasBlob(sha256(bytes))).toBe(false);
    expect(await store.writeBlob(bytes)).toEqual({ digest: sha256(bytes), size });
    expect(await store.writeBlob(Readable.from(pieces(bytes)))).toEqual({ digest: sha256(bytes), size });
    expect(await store.hasBlob(sha256(bytes))).toBe(true);
    expect((await buffer(await store.readBlob(sha256(bytes)))).equals(bytes)).toBe(true);
    expect((await store.readBlobBytes(sha256(bytes))).equals(bytes)).toBe(true);
    expect(isClean()).toBe(true);
  });

  test('missing blobs are told in one call, and reading one is MissingBlob', async () => {
    const { store } = await make();
    const { digest } = await store.writeBlob(Buffer.from('here'));
    expect(await store.missingBlobs([digest, NOWHERE])).toEqual(new Set([NOWHERE]));
    await expect(store.readBlob(NOWHERE)).rejects.toThrow(MissingBlob);
    await expect(store.readBlobBytes(NOWHERE)).rejects.toThrow(MissingBlob);
  });

  test('expected hashes: right ones are kept, one of several is enough, wrong ones keep nothing', async () => {
    const { store, isClean } = await make();
    const bytes = Buffer.from('pinned');
    const right = { algorithm: 'sha512', hex: createHash('sha512').update(bytes).digest('hex').toUpperCase() } as const;
    const wrong = { algorithm: 'sha512', hex: '0'.repeat(128) } as const;
    await expect(store.writeBlob(bytes, { expect: [wrong], subject: 'flask-3.whl' })).rejects.toThrow(/flask-3\.whl/);
    const failure = await store.writeBlob(bytes, { expect: [right, { algorithm: 'md5', hex: '0' }] }).catch((error: unknown) => error);
    expect(failure instanceof Failed && failure.has('integrity')).toBe(true);
    expect(await store.hasBlob(sha256(bytes))).toBe(false);
    expect(isClean()).toBe(true);
    await store.writeBlob(bytes, { expect: [wrong, right] });
    expect(await store.hasBlob(sha256(bytes))).toBe(true);
  });

  test('a source that fails, and one that is aborted, leave nothing', async () => {
    const { store, isClean } = await make();
    const boom = new Error('connection lost');
    await expect(store.writeBlob(Readable.from(failing(boom)))).rejects.toBe(boom);
    const abort = new AbortController();
    const endless = new Readable({ read() {} });
    endless.push('first');
    const written = store.writeBlob(endless, { signal: abort.signal });
    setImmediate(() => abort.abort(boom));
    await expect(written).rejects.toBe(boom);
    expect(isClean()).toBe(true);
  });

  test.each([10, 300_000, 1_048_576])('a damaged blob of %d bytes: nobody reads to its end, it is gone, it can be written again', async (size) => {
    const { store, damage } = await make();
    const bytes = randomBytes(size);
    for (const harm of [flipped(bytes), bytes.subarray(0, size - 1), Buffer.concat([bytes, Buffer.from('x')])]) {
      const { digest } = await store.writeBlob(bytes);
      damage(digest, harm);
      let received = 0;
      let ended = false;
      const stream = await store.readBlob(digest);
      stream.on('data', (chunk: Buffer) => (received += chunk.length)).on('end', () => (ended = true));
      await expect(new Promise((_, reject) => stream.on('error', reject))).rejects.toThrow(CorruptBlob);
      expect(ended).toBe(false);
      expect(received).toBeLessThan(harm.length);
      expect(await store.hasBlob(digest)).toBe(false);
      await store.writeBlob(bytes);
      damage(digest, harm);
      await expect(store.readBlobBytes(digest)).rejects.toThrow(CorruptBlob);
      expect(await store.hasBlob(digest)).toBe(false);
    }
  });

  test('writing a blob again heals a damaged one', async () => {
    const { store, damage } = await make();
    const bytes = Buffer.from('whole');
    const { digest } = await store.writeBlob(bytes);
    damage(digest, Buffer.from('other'));
    await store.writeBlob(bytes);
    expect(await store.readBlobBytes(digest)).toEqual(bytes);
  });

  test('records: any key, replace, keep, delete, list', async () => {
    const { store } = await make();
    const keys = ['plain', 'Plain', 'PLAIN', 'debian:trixie-slim', '../../etc/passwd', '', 'ü', 'x'.repeat(500), '.', '..', 'a/b', 'a~b'];
    for (const key of keys) await store.putRecord('bases', key, { key, list: [1, null, true] });
    for (const key of keys) expect(await store.getRecord('bases', key)).toEqual({ key, list: [1, null, true] });
    const listed = new Set<string>();
    for await (const entry of store.listRecords('bases')) listed.add(entry.key);
    expect(listed).toEqual(new Set(keys));
    await store.putRecord('bases', 'plain', 1, { exists: 'keep' });
    expect(await store.getRecord('bases', 'plain')).toEqual({ key: 'plain', list: [1, null, true] });
    await store.putRecord('bases', 'plain', 2);
    expect(await store.getRecord('bases', 'plain')).toBe(2);
    expect(await store.getRecord('locks', 'plain')).toBeUndefined();
    await store.deleteRecord('bases', 'plain');
    await store.deleteRecord('bases', 'plain');
    expect(await store.getRecord('bases', 'plain')).toBeUndefined();
    await store.putRecord('bases', 'plain', 3, { exists: 'keep' });
    expect(await store.getRecord('bases', 'plain')).toBe(3);
  });

  test('a record needs its blobs: refused without them, absent when one is gone, keep does not protect it then', async () => {
    const { store, damage } = await make();
    await expect(store.putRecord('artifacts', 'k', 1, { blobs: [NOWHERE] })).rejects.toThrow(MissingBlob);
    const { digest } = await store.writeBlob(Buffer.from('piece'));
    await store.putRecord('artifacts', 'k', 1, { blobs: [digest, digest] });
    expect(await store.getRecord('artifacts', 'k')).toBe(1);
    const entries = [];
    for await (const entry of store.listRecords('artifacts')) entries.push(entry);
    expect(entries).toEqual([{ key: 'k', value: 1, blobs: [digest], usedAt: expect.any(Number) }]);
    damage(digest, Buffer.from('bad'));
    await store.readBlobBytes(digest).catch(() => undefined);
    expect(await store.getRecord('artifacts', 'k')).toBeUndefined();
    for await (const entry of store.listRecords('artifacts')) expect(entry).toBeUndefined();
    await store.putRecord('artifacts', 'k', 2, { exists: 'keep' });
    expect(await store.getRecord('artifacts', 'k')).toBe(2);
  });

  test('a lock is held by one at a time, says once that somebody waits, and is free after a failure', async () => {
    const { store } = await make();
    let inside = 0;
    let waits = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      expect(inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => store.withLock('Key: 1', work, () => (waits += 1))));
    expect(waits).toBeLessThan(10);
    await expect(store.withLock('Key: 1', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await store.withLock('Key: 1', async () => 'free')).toBe('free');
    expect(await store.withLock('a', () => store.withLock('b', async () => 'both'))).toBe('both');
  });
});

test('local directory: a blob whose file was emptied or cut does not count', async () => {
  const { store } = await openTemporaryStore();
  const { digest } = await store.writeBlob(Buffer.from('0123456789'));
  await store.putRecord('artifacts', 'k', 1, { blobs: [digest] });
  truncateSync(store.pathOf(digest), 5);
  expect(await store.getRecord('artifacts', 'k')).toBeUndefined();
  truncateSync(store.pathOf(digest), 0);
  expect(await store.missingBlobs([digest])).toEqual(new Set([digest]));
});

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 70_001) yield bytes.subarray(at, at + 70_001);
}

async function* failing(error: Error): AsyncGenerator<Buffer> {
  yield Buffer.from('start');
  throw error;
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] as number) ^ 1;
  return copy;
}
