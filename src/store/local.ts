import { createHash } from 'node:crypto';
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import type { Emit } from '../core/events.js';
import { fail } from '../core/failure.js';
import type { Digest } from '../core/identity.js';
import type { Data } from '../core/record.js';
import { onDisk } from '../util/disk.js';
import { makeFolder } from '../util/make-folder.js';
import { inTurnPerKey } from '../util/once.js';
import { createStore } from './create.js';
import { fileName, layoutOf } from './layout.js';
import type { Layout } from './layout.js';
import { Lock } from './lock.js';
import type { LockContext } from './lock.js';
import { Processes } from './processes.js';
import type { Self } from './processes.js';
import { openBlob, verifiedBytes, verifiedStream, type OnCorrupt } from './read-blob.js';
import { Records } from './records.js';
import { SeenBlobs } from './seen-blobs.js';
import { setAside } from './set-aside.js';
import { StoreLock } from './store-lock.js';
import type { BlobSource, Bucket, PutRecordOptions, RecordEntry, Store, StoredBlob, WriteBlobOptions } from './store.js';
import { adoptFile, writeBlobFile } from './write-blob.js';

export interface StoreOptions {
  readonly emit: Emit;
  /** ms since the epoch */
  readonly now: () => number;
  readonly self: Self;
}

/** Opens the store in a local directory, and makes it where there is none. `Failed` (store, disk) if it can't be used. */
export async function openStore(dir: string, options: StoreOptions): Promise<LocalStore> {
  const layout = layoutOf(resolve(dir));
  const store = new LocalStore(layout, options);
  const { token, uid } = options.self;
  await createStore(layout, { token, uid, prepare: () => store.prepare() });
  return store;
}

/** The store port on a local directory, and what only a directory can do. Maintenance lives in gc, verify and leftovers. */
export class LocalStore implements Store {
  readonly records: Records;
  readonly processes: Processes;
  private readonly storeLock: StoreLock;
  private readonly seen = new SeenBlobs();
  private readonly inTurn = inTurnPerKey<string>();
  private readonly lockContext: LockContext;
  private counter = 0;

  constructor(
    readonly layout: Layout,
    readonly options: StoreOptions,
  ) {
    this.processes = new Processes(layout, options.self, options.now);
    this.lockContext = { token: options.self.token, processes: this.processes, temp: (label) => this.tempName(label) };
    this.storeLock = new StoreLock(layout.shared, this.lockNamed('store'), this.lockContext);
    this.records = new Records({
      layout,
      now: options.now,
      temp: (label) => this.temp(label),
      setAside: (bad) => this.setAside(bad),
    });
  }

  /** What a new store needs before its first file; the lock's folder is made now, because a full disk has no room for it. */
  async prepare(): Promise<void> {
    await this.processes.register();
    await this.lockNamed('store').prepare();
  }

  /** Absolute path of the store. */
  get dir(): string {
    return this.layout.root;
  }

  async hasBlob(digest: Digest): Promise<boolean> {
    return this.isThere(digest);
  }

  async missingBlobs(digests: Iterable<Digest>): Promise<Set<Digest>> {
    const missing = new Set<Digest>();
    for (const digest of digests) if (!this.isThere(digest)) missing.add(digest);
    return missing;
  }

  async readBlob(digest: Digest): Promise<Readable> {
    return verifiedStream(await openBlob(this.pathOf(digest), digest), this.seen, this.setAsideBlob);
  }

  async readBlobBytes(digest: Digest): Promise<Buffer> {
    return verifiedBytes(await openBlob(this.pathOf(digest), digest), this.seen, this.setAsideBlob);
  }

  async writeBlob(source: BlobSource, options: WriteBlobOptions = {}): Promise<StoredBlob> {
    const temp = await this.temp('blob');
    return writeBlobFile(source, { temp, of: (digest) => this.pathOf(digest) }, options, this.seen);
  }

  /** Turns a file in this store's own tmp or work folder into a blob without copying it. The file is gone after, always. */
  async adopt(path: string, options: WriteBlobOptions = {}): Promise<StoredBlob> {
    const folder = realpathSync(dirname(path));
    const inside = [this.layout.tmp, this.layout.work].some((own) => `${folder}${sep}`.startsWith(`${realpathSync(own)}${sep}`));
    if (!inside) throw new Error(`only files in the store's own tmp or work folder can be adopted: ${path}`);
    return adoptFile({ temp: path, of: (digest) => this.pathOf(digest) }, options);
  }

  /** Where the blob's file is; for readers of our own that trust it (a bind mount, a hard link). Nothing is verified. */
  pathOf(digest: Digest): string {
    return this.layout.blob(digest);
  }

  async getRecord(bucket: Bucket, key: string): Promise<Data | undefined> {
    return (await this.records.get(bucket, key))?.value;
  }

  async putRecord(bucket: Bucket, key: string, value: Data, options: PutRecordOptions = {}): Promise<void> {
    await this.records.put(bucket, key, value, options);
  }

  async deleteRecord(bucket: Bucket, key: string): Promise<void> {
    await this.records.delete(bucket, key);
  }

  async *listRecords(bucket: Bucket): AsyncIterable<RecordEntry> {
    for await (const { key, value, blobs, usedAt } of this.records.all(bucket)) {
      if (!blobs.every((blob) => this.records.isThere(blob))) continue;
      yield { key, value, blobs: blobs.map(({ digest }) => digest), usedAt };
    }
  }

  /** Holds do not nest: asking for a name again inside its own `work` waits for ever. */
  async withLock<T>(name: string, work: () => Promise<T>, onWait?: (holder: string) => void): Promise<T> {
    return this.inTurn(name, async () => {
      await this.processes.register();
      const release = await this.lockNamed(`on-${name}`).acquire(onWait ?? ((holder) => this.tellWaiting(holder)));
      try {
        return await work();
      } finally {
        await release();
      }
    });
  }

  /** Runs `work` while nobody collects garbage. Every command that uses the store runs in it; holds may nest. */
  async withShared<T>(work: () => Promise<T>): Promise<T> {
    return this.storeLock.shared(work, (holder) => this.tellWaiting(holder));
  }

  /** Runs `work` while no other process uses the store. Not inside withShared. */
  async withExclusive<T>(work: () => Promise<T>): Promise<T> {
    await this.processes.register();
    return this.storeLock.exclusively(work, (holder) => this.tellWaiting(holder));
  }

  isExclusive(): boolean {
    return this.storeLock.isExclusive();
  }

  /** A new empty folder inside the store, gone with the leftovers if its process dies. */
  async tempDir(label: string): Promise<string> {
    const path = await this.temp(label);
    return this.folder(path);
  }

  /** The scratch folder of one run, made if needed; the caller removes it, or cleanLeftovers after a crash. */
  async workDir(run: string): Promise<string> {
    await this.processes.register();
    return this.folder(join(this.layout.work, `${this.options.self.token}.${fileName(run)}`));
  }

  /** A package manager's own cache; lives as long as the store. */
  async cacheDir(name: string): Promise<string> {
    return this.folder(join(this.layout.caches, fileName(name)));
  }

  async logDir(): Promise<string> {
    return this.folder(this.layout.logs);
  }

  /** Moves a corrupt file to corrupt/ and warns. */
  async setAside(bad: { path: string; inode: number; what: string }): Promise<void> {
    await setAside({ layout: this.layout, emit: this.options.emit, unique: () => this.unique() }, bad);
  }

  /** Signs off; nothing may run in the store any more. */
  async close(): Promise<void> {
    await this.processes.close();
  }

  private readonly setAsideBlob: OnCorrupt = (digest, path, inode) => this.setAside({ path, inode, what: `blob ${digest}` });

  /** A file without bytes is what a power cut leaves; only one digest may be like that. */
  private isThere(digest: Digest): boolean {
    const stat = statSync(this.pathOf(digest), { throwIfNoEntry: false });
    return stat?.isFile() === true && (stat.size > 0 || digest === EMPTY);
  }

  private async temp(label: string): Promise<string> {
    await this.processes.register();
    return this.tempName(label);
  }

  private tempName(label: string): string {
    return join(this.layout.tmp, `${this.unique()}.${fileName(label)}`);
  }

  private unique(): string {
    this.counter += 1;
    return `${this.options.self.token}.${this.counter}`;
  }

  private lockNamed(name: string): Lock {
    return new Lock(join(this.layout.locks, fileName(name)), this.lockContext);
  }

  /** Containers write into it: it must be where it seems to be. */
  private async folder(path: string): Promise<string> {
    await onDisk(path, async () => makeFolder(path));
    if (!lstatSync(path).isDirectory()) {
      fail({ reason: 'store', message: `the store ${this.dir} is not sound: ${relative(this.dir, path)} is a link or a file`, advice: 'Remove it, or choose another store with --store.' });
    }
    return path;
  }

  private tellWaiting(holder: string): void {
    this.options.emit({ type: 'waiting', message: `waiting for ${holder}` });
  }
}

const EMPTY = createHash('sha256').digest('hex');
