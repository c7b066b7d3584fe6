import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failed } from '../../../src/core/failure.js';
import { collectGarbage } from '../../../src/store/gc.js';
import { cleanLeftovers } from '../../../src/store/leftovers.js';
import { openStore } from '../../../src/store/local.js';
import type { LocalStore } from '../../../src/store/local.js';
import { CorruptBlob, MissingBlob } from '../../../src/store/store.js';
import { BLOBS, RECORDS, content, digestOf, needs } from './content.js';

// A program for the race tests: `worker <job> <store> <rounds> [file]`. Exit status 3: it saw something impossible.
const [job, dir, rounds, file] = process.argv.slice(2) as [string, string, string, string];

const jobs: Readonly<Record<string, (store: LocalStore) => Promise<void>>> = { write, careful: write, lock, collect, open, hold, many };

async function write(store: LocalStore): Promise<void> {
  for (let round = 0; round < Number(rounds); round += 1) {
    await cleanLeftovers(store);
    await store.withShared(async () => {
      const n = Math.floor(Math.random() * RECORDS);
      await Promise.all(needs(n).map((blob) => write1(store, blob)));
      try {
        const blobs = needs(n).map(digestOf);
        await store.putRecord('artifacts', `r${n}`, { n }, { blobs, exists: round % 2 === 0 ? 'keep' : 'replace' });
      } catch (error) {
        if (!isMiss(error)) throw error; // set aside in between
      }
      await check(store, n);
    });
  }
}

/** A careful writer works where nothing gets corrupt: what it has just written can't be missing. */
const isCareful = job === 'careful';

function isMiss(error: unknown): boolean {
  if (isCareful && error instanceof Error) impossible(error.message);
  return error instanceof CorruptBlob || error instanceof MissingBlob;
}

/** Blobs of 0 to 15 hundred-thousands of bytes in pieces, so that a kill falls into the middle. */
async function write1(store: LocalStore, n: number): Promise<void> {
  const bytes = content(n % BLOBS);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, at) => bytes.subarray(at * 65_536, (at + 1) * 65_536));
  await store.writeBlob(Readable.from(pieces));
}

/** A record that is seen must be right, and what is read to the end must be the real bytes. */
async function check(store: LocalStore, n: number): Promise<void> {
  const record = (await store.getRecord('artifacts', `r${n}`)) as { n: number } | undefined;
  if (record === undefined) return isCareful ? impossible(`record r${n} is gone`) : undefined;
  if (record.n !== n) impossible(`record r${n} says ${record.n}`);
  for (const blob of needs(n)) {
    try {
      const parts: Buffer[] = [];
      for await (const part of await store.readBlob(digestOf(blob))) parts.push(part as Buffer);
      if (!Buffer.concat(parts).equals(content(blob))) impossible(`wrong bytes in blob ${blob}`);
    } catch (error) {
      if (!isMiss(error)) throw error;
    }
  }
}

/** In the lock: sign the file, wait, and find nobody else's signature there. */
async function lock(store: LocalStore): Promise<void> {
  for (let round = 0; round < Number(rounds) && !existsSync(`${file}.stop`); round += 1) {
    await store.withLock('the lock', async () => {
      const signature = randomUUID();
      writeFileSync(file, signature);
      await sleep(Math.random() * 3);
      if (readFileSync(file, 'utf8') !== signature) impossible('two in the lock');
    });
  }
}

async function collect(store: LocalStore): Promise<void> {
  for (let round = 0; round < Number(rounds); round += 1) {
    await collectGarbage(store, { keep: [{ bucket: 'artifacts', key: 'r0' }], keepUsedFor: -1000, now: Date.now() });
    await sleep(2);
  }
}

async function open(store: LocalStore): Promise<void> {
  await store.putRecord('bases', 'opened', 1);
}

/** Holds the lock until the stop file is there. */
async function hold(store: LocalStore): Promise<void> {
  await store.withLock('the lock', async () => {
    process.stdout.write('holding\n');
    while (!existsSync(`${file}.stop`)) await sleep(10);
  });
}

/** So many blobs at once. */
async function many(store: LocalStore): Promise<void> {
  const written = await Promise.allSettled(Array.from({ length: Number(rounds) }, (_, n) => store.writeBlob(slowly(n))));
  for (const one of written) if (one.status === 'rejected') throw one.reason;
}

function slowly(n: number): Readable {
  return Readable.from(
    (async function* () {
      yield Buffer.from(`first half of ${n}`);
      await sleep(200);
      yield Buffer.from('second half');
    })(),
  );
}

function impossible(message: string): never {
  process.stderr.write(`IMPOSSIBLE: ${message}\n`);
  process.exit(3);
}

try {
  const self = { token: randomUUID(), pid: process.pid, host: hostname(), command: `worker ${job}`, uid: process.geteuid?.() };
  const store = await openStore(dir, { emit: () => undefined, now: Date.now, self });
  if (job !== 'hold') process.stdout.write('ready\n');
  await jobs[job]?.(store);
  await store.close();
} catch (error) {
  const failed = error instanceof Failed;
  process.stderr.write(failed ? `Failed ${error.problems.map(({ reason, message }) => `${reason}: ${message}`).join('; ')}\n` : `${String((error as Error).stack)}\n`);
  process.exit(failed ? 1 : 2);
}
