import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync, existsSync, lutimesSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Failed } from '../../../src/core/failure.js';
import type { Reason } from '../../../src/core/failure.js';
import type { Digest } from '../../../src/core/identity.js';
import { collectGarbage, sweep } from '../../../src/store/gc.js';
import { planGc } from '../../../src/store/gc-plan.js';
import { takeInventory } from '../../../src/store/inventory.js';
import { cleanLeftovers } from '../../../src/store/leftovers.js';
import { CorruptBlob } from '../../../src/store/store.js';
import { verifyStore } from '../../../src/store/verify.js';
import { openTemporaryStore, temporaryFolder } from './rig.js';

const DAY = 24 * 3_600_000;

async function failure(work: Promise<unknown>): Promise<{ reason: Reason | undefined; message: string }> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Failed);
  return { reason: (error as Failed).problems[0]?.reason, message: (error as Failed).message };
}

describe('making and opening', () => {
  test('the store is marked as a cache, ignored by git, an OCI layout, and 0755 under any umask', async () => {
    const before = process.umask(0o077);
    try {
      const { store } = await openTemporaryStore();
      expect(readFileSync(join(store.dir, 'CACHEDIR.TAG'), 'utf8')).toMatch(/^Signature: 8a477f597d28d172789f06886806bc55\n/);
      expect(readFileSync(join(store.dir, '.gitignore'), 'utf8')).toBe('*\n');
      expect(JSON.parse(readFileSync(join(store.dir, 'v1/oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
      const { digest } = await store.writeBlob(Buffer.from('x'));
      expect(statSync(join(store.dir, 'v1/blobs/sha256', digest)).mode & 0o7777).toBe(0o444);
      const folders = [store.dir, store.layout.blobs, await store.tempDir('t'), await store.workDir('r'), await store.cacheDir('pip'), await store.logDir()];
      for (const path of folders) expect([path, statSync(path).mode & 0o7777]).toEqual([path, 0o755]);
    } finally {
      process.umask(before);
    }
  });

  test('eight openings at once make one store; opening again keeps it', async () => {
    const dir = join(temporaryFolder(), 'a', 'store');
    const opened = await Promise.all(Array.from({ length: 8 }, () => openTemporaryStore(dir)));
    await opened[0]?.store.putRecord('bases', 'k', 1);
    const { store } = await openTemporaryStore(dir);
    expect(await store.getRecord('bases', 'k')).toBe(1);
    expect(readdirSync(store.layout.tmp)).toEqual([]);
  });

  test('folders that a CI cache dropped come back', async () => {
    const { store } = await openTemporaryStore();
    for (const name of ['tmp', 'work', 'records/pins', 'locks', 'processes']) rmSync(join(store.layout.version, name), { recursive: true });
    const again = (await openTemporaryStore(store.dir)).store;
    await again.putRecord('pins', 'k', 1);
    expect(await again.withLock('x', async () => again.withShared(async () => 1))).toBe(1);
  });

  test('a file, a path below a file, a folder of other things, a newer format are refused', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(await failure(openTemporaryStore(join(folder, 'file')))).toEqual({ reason: 'store', message: expect.stringMatching(/not a folder/) });
    expect(await failure(openTemporaryStore(join(folder, 'file/store')))).toEqual({ reason: 'store', message: expect.stringMatching(/below a file/) });
    expect(await failure(openTemporaryStore(folder))).toEqual({ reason: 'store', message: expect.stringMatching(/other things \(file\)/) });
    symlinkSync('nowhere', join(folder, 'link'));
    expect(await failure(openTemporaryStore(join(folder, 'link')))).toEqual({ reason: 'store', message: expect.stringMatching(/link to nothing/) });
    expect(readdirSync(folder)).toEqual(['file', 'link']);
    const { store } = await openTemporaryStore();
    writeFileSync(join(store.layout.version, 'FORMAT'), 'wheelwright store 2\n');
    expect(await failure(openTemporaryStore(store.dir))).toEqual({ reason: 'store', message: expect.stringMatching(/another version/) });
  });

  test('a store whose folders lead elsewhere, as a checkout may bring one, is refused before anything is written or removed there', async () => {
    for (const name of ['v1', 'v1/blobs', 'v1/blobs/sha256', 'v1/records', 'v1/records/pins', 'v1/tmp', 'v1/work', 'v1/caches', 'v1/locks', 'v1/locks/shared', 'v1/processes']) {
      const elsewhere = temporaryFolder();
      writeFileSync(join(elsewhere, 'precious'), '');
      const { store } = await openTemporaryStore();
      const path = join(store.dir, name);
      rmSync(path, { recursive: true });
      symlinkSync(elsewhere, path);
      const opening = openTemporaryStore(store.dir).then(({ store: opened }) => cleanLeftovers(opened));
      expect(await failure(opening)).toEqual({ reason: 'store', message: expect.stringMatching(new RegExp(`not sound: ${name} is a link`)) });
      expect(readdirSync(elsewhere)).toEqual(['precious']);
    }
  });

  test("a store's own folder may be a link, and none that it hands out is", async () => {
    const folder = temporaryFolder();
    const { store } = await openTemporaryStore(join(folder, 'real'));
    symlinkSync('real', join(folder, 'link'));
    expect(await (await openTemporaryStore(join(folder, 'link'))).store.getRecord('pins', 'x')).toBeUndefined();
    symlinkSync(folder, join(store.layout.caches, 'pip'));
    expect(await failure(store.cacheDir('pip'))).toEqual({ reason: 'store', message: expect.stringMatching(/caches\/pip is a link/) });
  });
});

describe('adopting a file', () => {
  test('it becomes a blob without a copy', async () => {
    const { store } = await openTemporaryStore();
    const path = join(await store.tempDir('out'), 'wheel.whl');
    writeFileSync(path, 'bytes');
    const inode = statSync(path).ino;
    const { digest, size } = await store.adopt(path);
    expect([size, statSync(store.pathOf(digest)).ino, existsSync(path)]).toEqual([5, inode, false]);
    expect(await store.readBlobBytes(digest)).toEqual(Buffer.from('bytes'));
  });

  test('a wrong hash, a link, a folder and a file elsewhere are refused', async () => {
    const { store } = await openTemporaryStore();
    const dir = await store.workDir('run');
    writeFileSync(join(dir, 'a'), 'bytes');
    expect((await failure(store.adopt(join(dir, 'a'), { expect: [{ algorithm: 'sha256', hex: '0' }] }))).reason).toBe('integrity');
    symlinkSync('/etc/passwd', join(dir, 'link'));
    await expect(store.adopt(join(dir, 'link'))).rejects.toThrow();
    const outside = join(temporaryFolder(), 'b');
    writeFileSync(outside, 'keep me');
    await expect(store.adopt(outside)).rejects.toThrow(/own tmp or work/);
    symlinkSync(join(outside, '..'), join(dir, 'out'));
    await expect(store.adopt(join(dir, 'out', 'b'))).rejects.toThrow(/own tmp or work/);
    expect(readFileSync(outside, 'utf8')).toBe('keep me');
    expect(readdirSync(store.layout.blobs)).toEqual([]);
  });
});

describe('reading blobs', () => {
  /** Other bytes of one length, under the old times. */
  const secretly = (path: string, bytes: Buffer): void => {
    // Node takes no time to the nanosecond.
    const times = join(temporaryFolder(), 'times');
    execFileSync('touch', ['-r', path, times]);
    chmodSync(path, 0o600);
    writeFileSync(path, bytes);
    execFileSync('touch', ['-r', times, path]);
  };
  const read = async (stream: Readable): Promise<Buffer> => Buffer.concat((await stream.toArray()) as Buffer[]);

  test.each([5, 1_000_000])('one of %d bytes is hashed once as long as nobody writes to its file', async (size) => {
    const { store } = await openTemporaryStore();
    const reopen = async () => (await openTemporaryStore(store.dir)).store;
    const [whole, harm] = [Buffer.alloc(size, 'a'), Buffer.alloc(size, 'b')];
    const { digest } = await store.writeBlob(whole);
    secretly(store.pathOf(digest), harm);
    expect((await store.readBlobBytes(digest)).equals(harm)).toBe(true);
    expect((await read(await store.readBlob(digest))).equals(harm)).toBe(true);
    // Another process has seen nothing of it, and hashes it once when it is right.
    secretly(store.pathOf(digest), whole);
    const other = await reopen();
    expect((await read(await other.readBlob(digest))).equals(whole)).toBe(true);
    secretly(store.pathOf(digest), harm);
    expect((await other.readBlobBytes(digest)).equals(harm)).toBe(true);
    await expect((await reopen()).readBlobBytes(digest)).rejects.toThrow(CorruptBlob);
  });

  test('one that was just changed is not remembered: another change might leave it with the same time', async () => {
    const { store } = await openTemporaryStore();
    const { digest } = await store.writeBlob(Buffer.from('whole'));
    const now = new Date();
    utimesSync(store.pathOf(digest), now, now);
    const { store: other } = await openTemporaryStore(store.dir);
    expect(await other.readBlobBytes(digest)).toEqual(Buffer.from('whole'));
    secretly(store.pathOf(digest), Buffer.from('other'));
    await expect(other.readBlobBytes(digest)).rejects.toThrow(CorruptBlob);
  });
});

describe('records', () => {
  test('a corrupt one is a miss with one warning, set aside, and can be written again', async () => {
    const { store, events } = await openTemporaryStore();
    for (const exists of ['keep', 'replace'] as const) {
      await store.putRecord('locks', 'k', { v: 1 });
      writeFileSync(store.layout.record('locks', 'k'), readFileSync(store.layout.record('locks', 'k'), 'utf8').replace('"v":1', '"v":2'));
      events.length = 0;
      if (exists === 'replace') expect(await store.getRecord('locks', 'k')).toBeUndefined();
      await store.putRecord('locks', 'k', { v: 3 }, { exists });
      expect(events).toEqual([{ type: 'warning', problem: expect.objectContaining({ reason: 'store', message: expect.stringMatching(/record locks\/k\.json was corrupt/) }) }]);
      expect(await store.getRecord('locks', 'k')).toEqual({ v: 3 });
    }
    expect(readdirSync(store.layout.corrupt)).toHaveLength(2);
  });

  test('one that lies under the name of another is corrupt too', async () => {
    const { store } = await openTemporaryStore();
    await store.putRecord('locks', 'one', 1);
    writeFileSync(store.layout.record('locks', 'two'), readFileSync(store.layout.record('locks', 'one')));
    const keys = [];
    for await (const { key } of store.listRecords('locks')) keys.push(key);
    expect(keys).toEqual(['one']);
    expect(await store.getRecord('locks', 'two')).toBeUndefined();
  });

  test('use is noted at most once an hour', async () => {
    const { store } = await openTemporaryStore();
    await store.putRecord('locks', 'k', 1);
    const path = store.layout.record('locks', 'k');
    const at = (ago: number): void => utimesSync(path, (Date.now() - ago) / 1000, (Date.now() - ago) / 1000);
    at(DAY);
    await store.getRecord('locks', 'k');
    expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(60_000);
    at(600_000);
    await store.getRecord('locks', 'k');
    expect(Date.now() - statSync(path).mtimeMs).toBeGreaterThan(500_000);
  });
});

describe('liveness', () => {
  test('a process elsewhere dies after a minute of silence and ten seconds of watching, not before, and not in its sleep', async () => {
    let now = Date.now();
    const { store } = await openTemporaryStore(undefined, { now: () => now });
    symlinkSync('1:1:0123456789abcdef:42', join(store.layout.processes, 'foreign'));
    expect(store.processes.isAlive('foreign')).toBe(true);
    now += 8 * 3_600_000; // the machine was asleep
    for (let n = 0; n < 38; n += 1, now += 250) expect(store.processes.isAlive('foreign')).toBe(true);
    rmSync(join(store.layout.processes, 'foreign'));
    symlinkSync('1:1:0123456789abcdef:42', join(store.layout.processes, 'foreign')); // its heartbeat went on
    for (let n = 0; n < 40; n += 1) expect(store.processes.isAlive('foreign')).toBe(true); // looking fast counts once
    for (let n = 0; n < 40; n += 1, now += 250) store.processes.isAlive('foreign');
    expect(store.processes.isAlive('foreign')).toBe(false);
  });

  test('here the start time decides: the same pid in a later process is not the same', async () => {
    const { store } = await openTemporaryStore();
    const other = (await openTemporaryStore(store.dir)).store;
    await other.processes.register();
    expect(store.processes.isAlive(other.options.self.token)).toBe(true);
    expect(store.processes.describe(other.options.self.token)).toMatch(/^test \(pid \d+ on .*, since 20.*Z\)$/);
    const sign = join(store.layout.processes, other.options.self.token);
    const reused = readlinkSync(sign).replace(/:\d+:/, ':1:');
    rmSync(sign);
    symlinkSync(reused, sign);
    expect(store.processes.isAlive(other.options.self.token)).toBe(false);
    await other.close();
    expect(store.processes.isAlive(other.options.self.token)).toBe(false);
  });
});

describe('maintenance', () => {
  test('leftovers of the dead go, read-only folders too; those of the living stay', async () => {
    const { store } = await openTemporaryStore();
    const live = (await openTemporaryStore(store.dir)).store;
    const kept = [await live.tempDir('a'), await live.workDir('b'), await store.workDir('c')];
    const dead = join(store.layout.work, 'dead-token.run');
    mkdirSync(join(dead, 'locked'), { recursive: true });
    writeFileSync(join(dead, 'locked', 'file'), '');
    chmodSync(join(dead, 'locked'), 0o500);
    writeFileSync(join(store.layout.tmp, 'dead-token.1.blob'), '');
    writeFileSync(join(store.layout.shared, 'dead-token.1'), '');
    symlinkSync('999999999:1:0:0', join(store.layout.processes, 'dead-token'));
    const longAgo = Date.now() / 1000 - 2 * 86_400;
    lutimesSync(join(store.layout.processes, 'dead-token'), longAgo, longAgo);
    expect([...(await cleanLeftovers(store))].sort()).toEqual([join(store.layout.tmp, 'dead-token.1.blob'), dead].sort());
    expect(readdirSync(store.layout.shared)).toEqual([]);
    expect(existsSync(join(store.layout.processes, 'dead-token'))).toBe(false);
    expect(kept.every((path) => existsSync(path))).toBe(true);
  });

  test('gc: a dry run changes nothing and tells the same plan; the sweep leaves what was kept, verified', async () => {
    const { store } = await openTemporaryStore();
    const kept = await store.writeBlob(Buffer.from('kept'));
    const gone = await store.writeBlob(Buffer.from('gone!'));
    await store.putRecord('artifacts', 'kept', 1, { blobs: [kept.digest] });
    await store.putRecord('artifacts', 'gone', 1, { blobs: [kept.digest, gone.digest] });
    const rules = { keep: [{ bucket: 'artifacts', key: 'kept' }], keepUsedFor: -1, now: Date.now() + 1000 } as const;
    const plan = await collectGarbage(store, rules, { dryRun: true });
    expect(plan.blobs).toEqual([{ digest: gone.digest, bytes: 5 }]);
    expect(await store.getRecord('artifacts', 'gone')).toBe(1);
    expect((await collectGarbage(store, rules)).bytes).toBe(plan.bytes);
    expect(readdirSync(store.layout.blobs)).toEqual([kept.digest]);
    expect(await store.getRecord('artifacts', 'kept')).toBe(1);
    expect(await store.getRecord('artifacts', 'gone')).toBeUndefined();
    expect(await verifyStore(store)).toEqual({ blobs: 1, records: 1, bytes: 4, problems: [] });
    await expect(sweep(store, planGc(rules, await takeInventory(store)))).rejects.toThrow(/exclusively/);
  });

  test('gc waits for those who share the store, and they wait for it', async () => {
    const { store, events } = await openTemporaryStore();
    const other = await openTemporaryStore(store.dir);
    const order: string[] = [];
    let collected: Promise<unknown> = Promise.resolve();
    await store.withShared(async () => {
      collected = other.store.withExclusive(async () => void order.push('exclusive'));
      while (other.events.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await store.withShared(async () => void order.push('nested'));
      order.push('shared');
    });
    await collected;
    expect(order).toEqual(['nested', 'shared', 'exclusive']);
    expect(other.events).toEqual([{ type: 'waiting', message: expect.stringMatching(/^waiting for test \(pid/) }]);
    await other.store.withExclusive(async () => {
      order.push('exclusive again');
      collected = store.withShared(async () => void order.push('shared again'));
      while (events.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await other.store.withShared(async () => void order.push('inside'));
    });
    await collected;
    expect(order.slice(3)).toEqual(['exclusive again', 'inside', 'shared again']);
    await expect(store.withShared(() => store.withExclusive(async () => 1))).rejects.toThrow(/wait for itself/);
    expect(readdirSync(store.layout.shared)).toEqual([]);
  });

  test('verify finds every kind of damage, changes nothing, and with repair leaves a sound store', async () => {
    const { store } = await openTemporaryStore();
    const put = async (name: string): Promise<Digest> => {
      const { digest } = await store.writeBlob(Buffer.from(name));
      await store.putRecord('packages', name, 1, { blobs: [digest] });
      return digest;
    };
    const [flipped, cut, gone] = [await put('flipped'), await put('cut'), await put('gone'), await put('good')] as const;
    for (const [digest, text] of [[flipped, 'FLIPPED'], [cut, 'cu']] as const) {
      chmodSync(store.pathOf(digest), 0o644);
      writeFileSync(store.pathOf(digest), text);
    }
    rmSync(store.pathOf(gone));
    writeFileSync(join(store.layout.blobs, 'notes.txt'), '');
    mkdirSync(store.pathOf(createHash('sha256').update('folder').digest('hex') as Digest));
    writeFileSync(join(store.layout.bucket('pins'), 'bad.json'), '{}');
    const seen = await verifyStore(store);
    expect(seen.problems.map(({ message }) => message.replace(/[0-9a-f]{64}/g, '<hex>')).sort()).toEqual([
      'blob <hex> has other bytes than its name says',
      'blob <hex> has other bytes than its name says',
      'blob <hex> is not a regular file',
      'blob notes.txt has a name that is no digest',
      'record packages/cut lacks 1 of its blobs, for example <hex>',
      'record packages/gone lacks 1 of its blobs, for example <hex>',
      'record pins/bad.json is corrupt',
    ]);
    expect((await verifyStore(store)).problems).toHaveLength(7);
    await verifyStore(store, { repair: true });
    expect((await verifyStore(store)).problems).toEqual([]);
    expect(await store.getRecord('packages', 'good')).toBe(1);
    expect(readdirSync(store.layout.corrupt)).toHaveLength(8);
  });
});
