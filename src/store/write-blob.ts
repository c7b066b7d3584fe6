import { createHash } from 'node:crypto';
import type { Hash as Hasher } from 'node:crypto';
import { constants, renameSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fail } from '../core/failure.js';
import type { Digest } from '../core/identity.js';
import { diskError, onDisk } from '../util/disk.js';
import { SyncedFile } from '../util/synced-file.js';
import { settledTime, type SeenBlobs } from './seen-blobs.js';
import type { BlobSource, Hash, StoredBlob, WriteBlobOptions } from './store.js';

/** Blobs are for everybody to read and for nobody to change. */
const BLOB_MODE = 0o444;

/**
 * Bytes → temporary file, hashed on the way → synced → renamed to their digest. An existing blob is replaced: the new
 * bytes are known to be right, the old ones are not. On any error the temporary file is removed and nothing shows. `seen` gets
 * the blob.
 */
export async function writeBlobFile(source: BlobSource, paths: BlobPaths, options: WriteBlobOptions, seen: SeenBlobs): Promise<StoredBlob> {
  const { temp } = paths;
  return publish(paths, async () => {
    const file = new SyncedFile(temp);
    try {
      const hashes = new Hashes(options.expect);
      for await (const chunk of chunks(source, options.signal)) {
        hashes.update(chunk);
        await onDisk(temp, () => file.write(chunk));
      }
      const blob = hashes.check(options);
      seen.add(blob.digest, await onDisk(temp, () => file.finish(BLOB_MODE, settledTime())));
      return blob;
    } finally {
      file.close();
    }
  });
}

/**
 * Makes an existing file of ours a blob without copying it. Nobody may have it open for writing. On any error the file
 * is removed too.
 */
export async function adoptFile(paths: BlobPaths, options: WriteBlobOptions): Promise<StoredBlob> {
  const { temp } = paths;
  return publish(paths, async () => {
    const file = await open(temp, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      if (!(await file.stat()).isFile()) throw new Error(`not a regular file: ${temp}`);
      const hashes = new Hashes(options.expect);
      const buffer = Buffer.allocUnsafeSlow(1024 * 1024);
      for (;;) {
        options.signal?.throwIfAborted();
        const { bytesRead } = await onDisk(temp, () => file.read(buffer, 0, buffer.length));
        if (bytesRead === 0) break;
        hashes.update(buffer.subarray(0, bytesRead));
      }
      const blob = hashes.check(options);
      await file.chmod(BLOB_MODE);
      await file.datasync();
      return blob;
    } finally {
      await file.close();
    }
  });
}

export interface BlobPaths {
  readonly temp: string;
  of(digest: Digest): string;
}

async function publish({ temp, of }: BlobPaths, fill: () => Promise<StoredBlob>): Promise<StoredBlob> {
  try {
    const blob = await onDisk(temp, fill);
    await onDisk(of(blob.digest), async () => renameSync(temp, of(blob.digest)));
    return blob;
  } catch (error) {
    await rm(temp, { force: true }).catch(() => undefined);
    throw diskError(error, temp);
  }
}

/** The bytes of a source; an abort is thrown, and destroys a stream, which may be waiting. */
export async function* chunks(source: BlobSource, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  if (Buffer.isBuffer(source)) {
    yield source;
    return;
  }
  const stop = (): void => void (source instanceof Readable && source.destroy(signal?.reason as Error));
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of source) {
      signal?.throwIfAborted();
      yield typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
    }
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** SHA-256 and whatever else is expected, in one pass. */
export class Hashes {
  private readonly hashers = new Map<Hash['algorithm'], Hasher>();
  private size = 0;

  constructor(private readonly expect: readonly Hash[] = []) {
    for (const algorithm of ['sha256' as const, ...expect.map((hash) => hash.algorithm)]) {
      if (!this.hashers.has(algorithm)) this.hashers.set(algorithm, createHash(algorithm));
    }
  }

  update(chunk: Uint8Array): void {
    this.size += chunk.length;
    for (const hasher of this.hashers.values()) hasher.update(chunk);
  }

  /** The blob, or `Failed` (integrity) if for some algorithm none of the expected hashes is the real one. */
  check({ subject }: WriteBlobOptions): StoredBlob {
    const real = new Map([...this.hashers].map(([algorithm, hasher]) => [algorithm, hasher.digest('hex')]));
    for (const [algorithm, found] of real) {
      const wanted = this.expect.filter((hash) => hash.algorithm === algorithm).map((hash) => hash.hex.toLowerCase());
      if (wanted.length > 0 && !wanted.includes(found)) {
        fail({
          reason: 'integrity',
          message: `${subject ?? 'a download'} has other bytes than its ${algorithm} hash says`,
          detail: [...wanted.map((hex) => `expected ${algorithm}:${hex}`), `found    ${algorithm}:${found}`],
          advice: 'Do not use it unless you know why it changed; if you do, put the new hash in the file that pins it.',
        });
      }
    }
    return { digest: real.get('sha256') as Digest, size: this.size };
  }
}
