import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Failed } from '../../../src/core/failure.js';
import { collectGarbage } from '../../../src/store/gc.js';
import type { LocalStore } from '../../../src/store/local.js';
import { verifyStore } from '../../../src/store/verify.js';
import { afterwards, openTemporaryStore, temporaryFolder } from '../../unit/store/rig.js';
import { startWorker } from '../../races/store/workers.js';

// Real full, read-only and bad disks. Needs root, as the rest of this ring's machine set-up does.

function mountDisk(options: string): string {
  const path = join(temporaryFolder(), 'disk');
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  afterwards(() => void execFileSync('umount', ['--lazy', path]));
  return path;
}

async function expectDiskFailure(work: Promise<unknown>, message: RegExp, path: string): Promise<void> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Failed);
  const problem = (error as Failed).problems[0];
  expect([problem?.reason, problem?.message]).toEqual(['disk', expect.stringMatching(message)]);
  expect(problem?.message).toContain(path);
  expect(problem?.advice).toMatch(/\S+ .*\.$/);
}

async function expectClean(store: LocalStore): Promise<void> {
  expect(readdirSync(store.layout.tmp)).toEqual([]);
  expect((await verifyStore(store)).problems).toEqual([]);
}

describe('a full disk', () => {
  test('a blob that does not fit: disk failure, nothing left; what fits is stored', async () => {
    const { store } = await openTemporaryStore(join(mountDisk('size=4m'), 'store'));
    const big = (): Readable => Readable.from(Array.from({ length: 100 }, () => randomBytes(100_000)));
    await expectDiskFailure(store.writeBlob(big()), /no space left/, store.dir);
    await expectClean(store);
    const small = await store.writeBlob(randomBytes(100_000));
    const failures = await Promise.allSettled(Array.from({ length: 8 }, () => store.writeBlob(big())));
    expect(failures.every(({ status }) => status === 'rejected')).toBe(true);
    await expectClean(store);
    expect(await store.readBlobBytes(small.digest)).toHaveLength(100_000);
  });

  test('not one block left: records fail whole, reading and gc still work', async () => {
    const disk = mountDisk('size=4m');
    const { store } = await openTemporaryStore(join(disk, 'store'));
    const { digest } = await store.writeBlob(randomBytes(1_000_000));
    await store.putRecord('artifacts', 'old', 1, { blobs: [digest] });
    await store.close();
    expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(8_000_000))).toThrow(/ENOSPC/);
    const again = (await openTemporaryStore(store.dir)).store;
    expect(await again.withShared(() => again.getRecord('artifacts', 'old'))).toBe(1);
    await expectDiskFailure(again.putRecord('locks', 'new', { long: 'x'.repeat(10_000) }), /no space left/, store.dir);
    await expectDiskFailure(again.putRecord('artifacts', 'old', 2), /no space left/, store.dir);
    expect(await again.getRecord('locks', 'new')).toBeUndefined();
    expect(await again.getRecord('artifacts', 'old')).toBe(1);
    await expectClean(again);
    const plan = await collectGarbage(again, { keep: [], keepUsedFor: -1000, now: Date.now() });
    expect(plan.bytes).toBeGreaterThan(1_000_000);
    await again.putRecord('locks', 'new', 1);
  });

  test('no room for the store itself', async () => {
    const disk = mountDisk('nr_inodes=5');
    await expectDiskFailure(openTemporaryStore(join(disk, 'store')), /no space left/, disk);
  });
});

describe('a read-only disk', () => {
  test('what is there can be used; writing is a disk failure', async () => {
    const disk = mountDisk('size=4m');
    const first = (await openTemporaryStore(join(disk, 'store'))).store;
    const { digest } = await first.writeBlob(Buffer.from('bytes'));
    await first.putRecord('artifacts', 'k', 1, { blobs: [digest] });
    await first.close();
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const { store } = await openTemporaryStore(first.dir, { now: () => Date.now() + 86_400_000 });
    expect(await store.withShared(() => store.getRecord('artifacts', 'k'))).toBe(1);
    expect(await store.readBlobBytes(digest)).toEqual(Buffer.from('bytes'));
    expect((await verifyStore(store)).problems).toEqual([]);
    await expectDiskFailure(store.writeBlob(Buffer.from('more')), /read-only/, disk);
    await expectDiskFailure(store.putRecord('artifacts', 'k', 2), /read-only/, disk);
    await expectDiskFailure(store.withLock('x', async () => 1), /read-only/, disk);
    await expectDiskFailure(store.workDir('run'), /read-only/, disk);
    await expectDiskFailure(openTemporaryStore(join(disk, 'other')), /read-only/, disk);
  });
});

test('too many open files is a disk failure that says what to do', async () => {
  const { store } = await openTemporaryStore();
  const wrap = ['bash', '-c', 'ulimit -n 40; exec "$@"', 'bash'];
  const worker = await startWorker(['many', store.dir, '200'], { wrap });
  expect([await worker.ended, worker.stderr()]).toEqual([1, expect.stringMatching(/^Failed disk: can't use .*: too many open files\n/)]);
  await expectClean(store);
});
