import { describe, expect, test } from '@jest/globals';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanLeftovers } from '../../../src/store/leftovers.js';
import type { LocalStore } from '../../../src/store/local.js';
import { verifyStore } from '../../../src/store/verify.js';
import { openTemporaryStore } from '../../unit/store/rig.js';
import { BLOBS, digestOf } from './content.js';
import { numbers } from '../../support/random.js';
import { startWorker, workerFile } from './workers.js';
import type { Worker } from './workers.js';

const FOREVER = '1000000';

async function ended(workers: readonly Worker[]): Promise<void> {
  const ends = await Promise.all(workers.map((worker) => worker.ended));
  expect(ends.map((end, n) => [end, workers[n]?.stderr()])).toEqual(workers.map(() => [0, '']));
}

/** Kills workers at random moments and starts new ones; gives those that live at the end. */
async function killing(kills: number, start: () => Promise<Worker>, workers: Worker[]): Promise<Worker[]> {
  const next = numbers(20_260_101);
  for (let n = 0; n < kills; n += 1) {
    const victim = workers.splice(Math.floor(next() * workers.length), 1)[0] as Worker;
    await victim.ready;
    await sleep(next() * 40);
    victim.child.kill('SIGKILL');
    expect([await victim.ended, victim.stderr()]).toEqual(['SIGKILL', '']);
    workers.push(await start());
  }
  return workers;
}

async function expectSound(store: LocalStore): Promise<void> {
  await cleanLeftovers(store);
  expect((await verifyStore(store)).problems).toEqual([]);
  expect(readdirSync(store.layout.tmp)).toEqual([]);
  expect(readdirSync(store.layout.shared)).toEqual([]);
  const own = store.options.self.token;
  expect(readdirSync(store.layout.processes).filter((name) => !name.startsWith(own))).toEqual([]);
}

describe('real processes', () => {
  test('eight write and read the same blobs and records while files are corrupted under them', async () => {
    const { store } = await openTemporaryStore();
    const workers = await Promise.all(Array.from({ length: 8 }, () => startWorker(['write', store.dir, '25'])));
    let running = true;
    const done = ended(workers).finally(() => (running = false));
    const next = numbers(7);
    while (running) {
      plant(store, Math.floor(next() * BLOBS), next());
      await sleep(20);
    }
    await done;
    expect(readdirSync(store.layout.corrupt).length).toBeGreaterThan(0);
    await verifyStore(store, { repair: true });
    await expectSound(store);
  });

  test('writers killed sixty times at random moments leave a store that verifies, and nothing half-visible', async () => {
    const { store } = await openTemporaryStore();
    const start = (): Promise<Worker> => startWorker(['write', store.dir, FOREVER]);
    const workers = await killing(60, start, await Promise.all([start(), start(), start()]));
    // Before any cleaning: whatever shows is whole.
    expect((await verifyStore(store)).problems).toEqual([]);
    for (const { child } of workers) child.kill('SIGKILL');
    await Promise.all(workers.map((worker) => worker.ended));
    await expectSound(store);
    await ended([await startWorker(['write', store.dir, '5'])]);
    await expectSound(store);
  });

  test('a lock whose holders are killed sixty times never lets two in', async () => {
    const { store } = await openTemporaryStore();
    const file = join(store.dir, '..', 'signature');
    const start = (): Promise<Worker> => startWorker(['lock', store.dir, FOREVER, file]);
    const workers = await killing(60, start, await Promise.all([start(), start(), start(), start()]));
    writeFileSync(`${file}.stop`, '');
    await ended(workers);
    await expectSound(store);
    // The state is the one file's name: all those takeovers and releases went through it.
    expect(readdirSync(join(store.layout.locks, readdirSync(store.layout.locks).find((name) => name.startsWith('on-')) as string))).toEqual([expect.stringMatching(/^\d+\.free$/)]);
  });

  test('collectors killed and living beside writers never take what a writer needs', async () => {
    const { store } = await openTemporaryStore();
    const writers = await Promise.all(Array.from({ length: 3 }, () => startWorker(['careful', store.dir, '40'])));
    const start = (): Promise<Worker> => startWorker(['collect', store.dir, FOREVER]);
    const collectors = await killing(10, start, [await start(), await start()]);
    for (const { child } of collectors) child.kill('SIGKILL');
    await ended(writers);
    await expectSound(store);
  });

  test('a holder in another pid namespace keeps its lock though its pid is nobody here', async () => {
    const { store, events } = await openTemporaryStore();
    const file = join(store.dir, '..', 'hold');
    const holder = await startWorker(['hold', store.dir, '1', file], { wrap: ['unshare', '--pid', '--fork', '--mount-proc'] });
    await holder.ready;
    expect(holder.lines()).toEqual(['holding']);
    let entered = false;
    const waiter = store.withLock('the lock', async () => (entered = true));
    while (events.length === 0) await sleep(5);
    expect(events).toEqual([{ type: 'waiting', message: expect.stringMatching(/^waiting for worker hold \(pid \d+ on /) }]);
    await sleep(500);
    expect(entered).toBe(false);
    writeFileSync(`${file}.stop`, '');
    expect(await waiter).toBe(true);
    await ended([holder]);
  });

  test('a failed user: an ordinary user is told that the store belongs to root', async () => {
    const { store } = await openTemporaryStore();
    chmodSync(join(store.dir, '..'), 0o755);
    await workerFile();
    const worker = await startWorker(['open', store.dir, '1'], { uid: 65_534, gid: 65_534 });
    expect(await worker.ended).toBe(1);
    expect(worker.stderr()).toMatch(/^Failed store: the store .* belongs to another user \(uid \d+, you are uid 65534\)/);
  });
});

/** Puts a corrupt file in a blob's or a record's place, as a bad disk would. */
function plant(store: LocalStore, n: number, kind: number): void {
  const path = kind < 0.7 ? store.pathOf(digestOf(n)) : store.layout.record('artifacts', `r${n % 8}`);
  if (!existsSync(path)) return;
  const bad = join(store.dir, '..', 'bad');
  try {
    const bytes = readFileSync(path);
    if (bytes.length > 0) bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
    writeFileSync(bad, bytes);
    renameSync(bad, path);
  } catch {
    // Set aside between two calls.
  }
}
