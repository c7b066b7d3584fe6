import type { Readable } from 'node:stream';
import type { Data } from '../core/record.js';
import type { Digest } from '../core/identity.js';

/**
 * The store as the rest of the program sees it: verified blobs, small records that point at them, and locks.
 * It says nothing about directories; the adapter for a local directory is in `local.ts`.
 */
export interface Store {
  /** True if the blob is there with the recorded size (its bytes are verified when read). */
  hasBlob(digest: Digest): Promise<boolean>;
  /** Which of these blobs are missing; one call for many. */
  missingBlobs(digests: Iterable<Digest>): Promise<Set<Digest>>;
  /**
   * The blob's bytes. Verified while streaming: the stream fails with CorruptBlob before its end if the bytes
   * are wrong, and the blob is set aside. Throws MissingBlob when it is not there.
   */
  readBlob(digest: Digest): Promise<Readable>;
  /** The whole blob in memory, verified; for small ones only (metadata, wheels' records). */
  readBlobBytes(digest: Digest): Promise<Buffer>;
  /**
   * Writes, hashes, syncs, then shows the blob under its digest. With `expect`, the bytes must have these hashes
   * (of several for one algorithm, one of them) or nothing is kept and `Failed` (reason `integrity`) is thrown.
   * Writing what exists already is fine. A chunk of an iterable is done with when the next one is asked for.
   */
  writeBlob(source: BlobSource, options?: WriteBlobOptions): Promise<StoredBlob>;

  /** A record by its key; undefined when absent or corrupt (corrupt ones are set aside and reported). */
  getRecord(bucket: Bucket, key: string): Promise<Data | undefined>;
  /**
   * Writes a record after all its blobs: `blobs` are what it needs to be valid; the store keeps them alive
   * as long as the record lives, and a record that is read while one of them is missing counts as absent.
   * With `exists: 'keep'` an existing record wins (write-once). Throws MissingBlob if one of `blobs` is not there.
   */
  putRecord(bucket: Bucket, key: string, value: Data, options?: PutRecordOptions): Promise<void>;
  deleteRecord(bucket: Bucket, key: string): Promise<void>;
  /** Every valid record of a bucket with the time it was last used (ms since the epoch), in no set order. */
  listRecords(bucket: Bucket): AsyncIterable<RecordEntry>;

  /**
   * Runs `work` while holding the named lock across processes (and within this one). `onWait` is called once if
   * somebody else holds it. A lock whose holder has died is taken over.
   */
  withLock<T>(name: string, work: () => Promise<T>, onWait?: (holder: string) => void): Promise<T>;
}

/** One folder of records each; the name is part of the store's format. */
export type Bucket =
  | 'bases' // external base image reference → identity
  | 'builders' // BuilderKey → facts of the builder image
  | 'locks' // input key → lock of a requirement set
  | 'pins' // what a pin resolved to on an index
  | 'packages' // PackageKey → wheel or node package blob
  | 'pieces' // PackageKey → installed piece (tar) of a package at a prefix
  | 'artifacts' // RequirementHash → artifact
  | 'history' // artifact name → key records, newest last, for `why`
  | 'images' // ImageKey → key record of an image
  | 'layers' // how an artifact's layers, and their compressed forms, are had
  | 'assembled' // ImageKey → configuration and layers of an image that was assembled here
  | 'trees' // ImageId → what is at paths of its file system
  | 'probes'; // what was found out about an engine

/** Bytes of a blob to be; a stream is destroyed when the signal aborts. */
export type BlobSource = Readable | Buffer | AsyncIterable<Uint8Array>;

export interface WriteBlobOptions {
  readonly expect?: readonly Hash[];
  /** What the bytes are, for the error message: "flask-3.1.0-py3-none-any.whl". */
  readonly subject?: string;
  readonly signal?: AbortSignal;
}

/** An expected hash in hex, as pins and lock files give them. */
export interface Hash {
  readonly algorithm: 'sha1' | 'sha256' | 'sha384' | 'sha512' | 'md5';
  readonly hex: string;
}

export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
}

export interface PutRecordOptions {
  readonly blobs?: readonly Digest[];
  readonly exists?: 'keep' | 'replace';
}

export interface RecordEntry {
  readonly key: string;
  readonly value: Data;
  readonly blobs: readonly Digest[];
  readonly usedAt: number;
}

/** Thrown by readers; callers treat both as a miss that heals by rebuilding. */
export class MissingBlob extends Error {
  constructor(readonly digest: Digest, options?: ErrorOptions) {
    super(`blob ${digest} is not in the store`, options);
    this.name = 'MissingBlob';
  }
}

export class CorruptBlob extends Error {
  constructor(readonly digest: Digest, readonly found: string) {
    super(`blob ${digest} has other bytes than its name says`);
    this.name = 'CorruptBlob';
  }
}
