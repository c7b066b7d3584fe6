import { createHash } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Problem } from '../core/failure.js';
import { parseDigest } from '../core/identity.js';
import type { Digest } from '../core/identity.js';
import { limiter } from '../util/limit.js';
import { BUCKETS } from './layout.js';
import type { LocalStore } from './local.js';
import { openBlob, type OpenBlob } from './read-blob.js';
import type { CorruptRecord } from './records.js';
import { MissingBlob } from './store.js';
import type { Bucket } from './store.js';

export interface VerifyOptions {
  /** Sets aside what is wrong, so that the next run makes it anew. */
  readonly repair?: boolean;
  readonly signal?: AbortSignal;
}

export interface Verified {
  readonly blobs: number;
  readonly records: number;
  /** Hashed. */
  readonly bytes: number;
  readonly problems: readonly Problem[];
}

/** Two readers keep a disk and a hashing thread busy; more would only use memory. */
const READERS = 2;
const CHUNK = 1024 * 1024;

/** Hashes every blob and checks every record. Run it in withShared; others may read and write meanwhile. */
export async function verifyStore(store: LocalStore, options: VerifyOptions = {}): Promise<Verified> {
  const problems: Problem[] = [];
  const report = async (bad: CorruptRecord, message: string): Promise<void> => {
    problems.push({ reason: 'store', message, detail: [bad.path] });
    if (options.repair === true) await store.setAside(bad);
  };
  const blobs = await verifyBlobs(store, options, report);
  const records = await verifyRecords(store, report);
  return { ...blobs, records, problems };
}

type Report = (bad: CorruptRecord, message: string) => Promise<void>;

async function verifyBlobs(store: LocalStore, { signal }: VerifyOptions, report: Report): Promise<{ blobs: number; bytes: number }> {
  const limit = limiter(READERS);
  const paths = readdirSync(store.layout.blobs).map((name) => join(store.layout.blobs, name));
  let blobs = 0;
  let bytes = 0;
  const one = async (path: string): Promise<void> => {
    signal?.throwIfAborted();
    const what = `blob ${basename(path)}`;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() === false) return report({ path, inode: stat.ino, what }, `${what} is not a regular file`);
    const seen = await hashFile(path, signal);
    if (seen === undefined) return;
    blobs += 1;
    bytes += seen.bytes;
    if (parseDigest(basename(path)) === undefined) await report({ path, inode: seen.inode, what }, `${what} has a name that is no digest`);
    else if (seen.hash !== basename(path)) await report({ path, inode: seen.inode, what }, `${what} has other bytes than its name says`);
  };
  await Promise.all(paths.map((path) => limit(() => one(path))));
  return { blobs, bytes };
}

/** undefined if the file is gone by now. */
async function hashFile(path: string, signal: AbortSignal | undefined): Promise<{ hash: string; bytes: number; inode: number } | undefined> {
  let blob: OpenBlob;
  try {
    blob = await openBlob(path, basename(path) as Digest);
  } catch (error) {
    if (error instanceof MissingBlob) return undefined;
    throw error;
  }
  const { file, stat } = blob;
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafeSlow(CHUNK);
    for (let bytes = 0; ; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, CHUNK);
      if (bytesRead === 0) return { hash: hash.digest('hex'), bytes, inode: stat.ino };
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function verifyRecords(store: LocalStore, report: Report): Promise<number> {
  let count = 0;
  for (const bucket of BUCKETS) {
    for (const name of store.records.names(bucket)) count += await verifyRecord(store, report, { bucket, name });
  }
  return count;
}

async function verifyRecord(store: LocalStore, report: Report, { bucket, name }: { bucket: Bucket; name: string }): Promise<number> {
  const found = store.records.inspect(bucket, name);
  if (found === undefined) return 0;
  if (!('value' in found)) {
    await report(found, `${found.what} is corrupt`);
    return 1;
  }
  const missing = found.blobs.filter((blob) => !store.records.isThere(blob));
  if (missing.length > 0) {
    const what = `record ${bucket}/${found.key}`;
    await report({ path: found.path, inode: found.inode, what }, `${what} lacks ${missing.length} of its blobs, for example ${missing[0]?.digest}`);
  }
  return 1;
}
