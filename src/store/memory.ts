import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Digest } from '../core/identity.js';
import { canonical } from '../core/record.js';
import type { Data } from '../core/record.js';
import { inTurnPerKey } from '../util/once.js';
import { CorruptBlob, MissingBlob } from './store.js';
import type { BlobSource, Bucket, PutRecordOptions, RecordEntry, Store, StoredBlob, WriteBlobOptions } from './store.js';
import { Hashes, chunks } from './write-blob.js';

/** The store port in memory, for unit tests. Same contract suite as the real one. */
export class MemoryStore implements Store {
  readonly blobs = new Map<string, Buffer>();
  private readonly records = new Map<string, { text: string; blobs: readonly Digest[]; usedAt: number; bucket: Bucket; key: string }>();
  private readonly inTurn = inTurnPerKey<string>();
  private readonly held = new Set<string>();

  constructor(private readonly now: () => number = () => 0) {}

  async hasBlob(digest: Digest): Promise<boolean> {
    return this.blobs.has(digest);
  }

  async missingBlobs(digests: Iterable<Digest>): Promise<Set<Digest>> {
    return new Set([...digests].filter((digest) => !this.blobs.has(digest)));
  }

  async readBlob(digest: Digest): Promise<Readable> {
    if (!this.blobs.has(digest)) throw new MissingBlob(digest);
    const read = (): Promise<Buffer> => this.readBlobBytes(digest);
    return Readable.from(
      (async function* () {
        const bytes = await read();
        if (bytes.length > 0) yield bytes;
      })(),
      { objectMode: false },
    );
  }

  async readBlobBytes(digest: Digest): Promise<Buffer> {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new MissingBlob(digest);
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found === digest) return Buffer.from(bytes);
    this.blobs.delete(digest);
    throw new CorruptBlob(digest, found);
  }

  async writeBlob(source: BlobSource, options: WriteBlobOptions = {}): Promise<StoredBlob> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks(source, options.signal)) parts.push(Buffer.from(chunk));
    const bytes = Buffer.concat(parts);
    const hashes = new Hashes(options.expect);
    hashes.update(bytes);
    const blob = hashes.check(options);
    this.blobs.set(blob.digest, bytes);
    return blob;
  }

  async getRecord(bucket: Bucket, key: string): Promise<Data | undefined> {
    const record = this.records.get(id(bucket, key));
    if (record === undefined || !this.isWhole(record.blobs)) return undefined;
    record.usedAt = this.now();
    return JSON.parse(record.text) as Data;
  }

  async putRecord(bucket: Bucket, key: string, value: Data, { blobs = [], exists = 'replace' }: PutRecordOptions = {}): Promise<void> {
    const text = canonical(value);
    for (const digest of blobs) if (!this.blobs.has(digest)) throw new MissingBlob(digest);
    const known = this.records.get(id(bucket, key));
    if (exists === 'keep' && known !== undefined && this.isWhole(known.blobs)) return;
    this.records.set(id(bucket, key), { text, blobs: [...new Set(blobs)], usedAt: this.now(), bucket, key });
  }

  async deleteRecord(bucket: Bucket, key: string): Promise<void> {
    this.records.delete(id(bucket, key));
  }

  async *listRecords(bucket: Bucket): AsyncIterable<RecordEntry> {
    for (const record of [...this.records.values()]) {
      if (record.bucket !== bucket || !this.isWhole(record.blobs)) continue;
      yield { key: record.key, value: JSON.parse(record.text) as Data, blobs: record.blobs, usedAt: record.usedAt };
    }
  }

  async withLock<T>(name: string, work: () => Promise<T>, onWait?: (holder: string) => void): Promise<T> {
    if (this.held.has(name)) onWait?.('this process');
    return this.inTurn(name, async () => {
      this.held.add(name);
      try {
        return await work();
      } finally {
        this.held.delete(name);
      }
    });
  }

  private isWhole(blobs: readonly Digest[]): boolean {
    return blobs.every((digest) => this.blobs.has(digest));
  }
}

function id(bucket: Bucket, key: string): string {
  return `${bucket}/${key}`;
}
