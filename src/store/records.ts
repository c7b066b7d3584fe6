import { fstatSync, linkSync, openSync, closeSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSynced } from '../util/atomic-write.js';
import { diskError, errorCode, onDisk } from '../util/disk.js';
import { folderSync } from '../util/folder-sync.js';
import { inTurnPerKey } from '../util/once.js';
import { decodeRecord, encodeRecord } from './record-file.js';
import type { RecordFile } from './record-file.js';
import { fileName } from './layout.js';
import type { Layout } from './layout.js';
import { MissingBlob } from './store.js';
import type { Bucket, PutRecordOptions, StoredBlob } from './store.js';
import type { Data } from '../core/record.js';
import type { Digest } from '../core/identity.js';

/** A record that is used has its time set at most this often (ms). */
const TOUCH_INTERVAL = 3_600_000;

export interface RecordsContext {
  readonly layout: Layout;
  now(): number;
  temp(label: string): Promise<string>;
  setAside(bad: CorruptRecord): Promise<void>;
}

/** A record file that was read and checked. */
export interface FoundRecord extends RecordFile {
  readonly path: string;
  readonly inode: number;
  /** ms since the epoch */
  readonly usedAt: number;
  readonly bytes: number;
}

/** A file that is no record of ours, or no longer. */
export interface CorruptRecord {
  readonly path: string;
  readonly inode: number;
  readonly what: string;
}

/**
 * Reader and writer of the record files. Both are synchronous inside, but for the sync to the disk: a record is small, and
 * asking the kernel directly is ten times as fast as a round through the thread pool.
 */
export class Records {
  private readonly inTurn = inTurnPerKey<string>();
  private readonly syncs = new Map<string, () => Promise<void>>();

  constructor(private readonly context: RecordsContext) {}

  /** A valid record all of whose blobs are there, marked as used. A corrupt one is set aside. */
  async get(bucket: Bucket, key: string): Promise<FoundRecord | undefined> {
    const record = await this.read(bucket, `${fileName(key)}.json`, key);
    if (record === undefined || !record.blobs.every((blob) => this.isThere(blob))) return undefined;
    this.touch(record);
    return record;
  }

  async put(bucket: Bucket, key: string, value: Data, { blobs = [], exists = 'replace' }: PutRecordOptions): Promise<void> {
    const path = this.context.layout.record(bucket, key);
    const text = encodeRecord({ bucket, key, value, blobs: [...new Set(blobs)].map((digest) => this.measure(digest)) });
    await this.inTurn(path, async () => {
      if (blobs.length > 0) await this.sync(this.context.layout.blobs);
      const temp = await this.context.temp('record');
      await onDisk(path, async () => {
        let moved = false;
        try {
          await writeSynced(temp, text, 0o644);
          if (exists === 'keep') return await this.putIfAbsent(bucket, key, temp);
          renameSync(temp, path);
          moved = true;
        } finally {
          if (!moved) rmSync(temp, { force: true });
        }
      });
      await this.sync(this.context.layout.bucket(bucket));
    });
  }

  async delete(bucket: Bucket, key: string): Promise<void> {
    const path = this.context.layout.record(bucket, key);
    await onDisk(path, () => rm(path, { force: true }));
  }

  /** Every record that can be read, whether its blobs are there or not; corrupt ones are set aside. */
  async *all(bucket: Bucket): AsyncGenerator<FoundRecord> {
    for (const name of this.names(bucket)) {
      const record = await this.read(bucket, name);
      if (record !== undefined) yield record;
    }
  }

  /** File names in a bucket. */
  names(bucket: Bucket): readonly string[] {
    return readdirSync(this.context.layout.bucket(bucket));
  }

  /** True if the blob is a file of the recorded size. */
  isThere({ digest, size }: StoredBlob): boolean {
    const stat = statSync(this.context.layout.blob(digest), { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.size === size;
  }

  /** Looks at one file and changes nothing; undefined if it is not there. */
  inspect(bucket: Bucket, name: string, key?: string): FoundRecord | CorruptRecord | undefined {
    const path = join(this.context.layout.bucket(bucket), name);
    const file = readWhole(path);
    if (file === undefined) return undefined;
    const record = decodeRecord(file.text, bucket, key);
    if (record === undefined || `${fileName(record.key)}.json` !== name) return { path, inode: file.inode, what: `record ${bucket}/${name}` };
    return { ...record, path, inode: file.inode, usedAt: file.usedAt, bytes: Buffer.byteLength(file.text) };
  }

  private async read(bucket: Bucket, name: string, key?: string): Promise<FoundRecord | undefined> {
    const found = this.inspect(bucket, name, key);
    if (found === undefined || 'value' in found) return found;
    await this.context.setAside(found);
    return undefined;
  }

  /** `link` never replaces: the first writer wins, unless what it wrote doesn't count any more. */
  private async putIfAbsent(bucket: Bucket, key: string, temp: string): Promise<void> {
    const path = this.context.layout.record(bucket, key);
    for (let tries = 0; tries < 100; tries += 1) {
      try {
        return linkSync(temp, path);
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
      const stat = statSync(path, { throwIfNoEntry: false });
      const record = await this.read(bucket, `${fileName(key)}.json`, key);
      if (record === undefined || stat === undefined) continue;
      if (record.blobs.every((blob) => this.isThere(blob))) return;
      await this.context.setAside({ path, inode: stat.ino, what: `record ${bucket}/${key}, whose blobs are gone,` });
    }
    throw new Error(`record ${bucket}/${key} can be neither written nor read`);
  }

  private measure(digest: Digest): StoredBlob {
    const stat = statSync(this.context.layout.blob(digest), { throwIfNoEntry: false });
    if (stat?.isFile() !== true) throw new MissingBlob(digest);
    return { digest, size: stat.size };
  }

  private touch({ path, usedAt }: FoundRecord): void {
    const now = this.context.now();
    if (now - usedAt < TOUCH_INTERVAL) return;
    try {
      utimesSync(path, now / 1000, now / 1000);
    } catch {
      // Read-only or just deleted: the record is valid all the same.
    }
  }

  private sync(folder: string): Promise<void> {
    let sync = this.syncs.get(folder);
    if (sync === undefined) this.syncs.set(folder, (sync = folderSync(folder)));
    return sync();
  }
}

function readWhole(path: string): { text: string; inode: number; usedAt: number } | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const { ino, mtimeMs } = fstatSync(file);
      return { text: readFileSync(file, 'utf8'), inode: ino, usedAt: Math.floor(mtimeMs) };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw diskError(error, path);
  }
}
