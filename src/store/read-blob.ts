import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Digest } from '../core/identity.js';
import { diskError, errorCode, onDisk } from '../util/disk.js';
import type { SeenBlobs } from './seen-blobs.js';
import { CorruptBlob, MissingBlob } from './store.js';

/** Bytes read at a time. */
const CHUNK = 256 * 1024;

/** Called when a blob's bytes turned out wrong, before the reader is told. */
export type OnCorrupt = (digest: Digest, path: string, inode: number) => Promise<void>;

/** A blob opened for reading, and what its file was like then. */
export interface OpenBlob {
  readonly digest: Digest;
  readonly path: string;
  readonly file: FileHandle;
  readonly stat: Stats;
}

/** Throws MissingBlob where there is no such regular file. */
export async function openBlob(path: string, digest: Digest): Promise<OpenBlob> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ELOOP') throw new MissingBlob(digest, { cause: error });
    throw diskError(error, path);
  }
  const stat = await file.stat();
  if (stat.isFile()) return { digest, path, file, stat };
  await file.close();
  throw new MissingBlob(digest);
}

/**
 * The bytes of an open blob, verified unless they were before: the last chunk is held back until the hash has matched, so nobody
 * can read to the end of wrong bytes without the error. Closes the file, also when destroyed half-way.
 */
export function verifiedStream(blob: OpenBlob, seen: SeenBlobs, onCorrupt: OnCorrupt): Readable {
  const { digest, path, file, stat } = blob;
  const hash = seen.has(digest, stat) ? undefined : createHash('sha256');
  // Most blobs are small: a whole chunk for each, and another to see its end, would be twice their bytes in garbage.
  let read = 0;
  let held: Buffer | undefined;

  async function next(): Promise<{ chunk?: Buffer; end: boolean }> {
    for (;;) {
      // More than there was: somebody wrote to it, and the hash will tell.
      const left = read < stat.size ? stat.size - read : read === stat.size ? 1 : CHUNK;
      const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, left));
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      read += bytesRead;
      const before = held;
      if (bytesRead === 0) {
        if (hash !== undefined || read !== stat.size) await check(blob, { found: hash?.digest('hex') ?? 'of another size', seen, onCorrupt });
        return { ...(before === undefined ? {} : { chunk: before }), end: true };
      }
      held = buffer.subarray(0, bytesRead);
      hash?.update(held);
      if (before !== undefined) return { chunk: before, end: false };
    }
  }

  return new Readable({
    highWaterMark: CHUNK,
    read() {
      next().then(
        ({ chunk, end }) => {
          if (chunk !== undefined) this.push(chunk);
          if (end) this.push(null);
        },
        (error: unknown) => this.destroy(diskError(error, path) as Error),
      );
    },
    destroy(error, callback) {
      file.close().then(
        () => callback(error),
        () => callback(error),
      );
    },
  });
}

/** All bytes of an open blob, as `verifiedStream` gives them. */
export async function verifiedBytes(blob: OpenBlob, seen: SeenBlobs, onCorrupt: OnCorrupt): Promise<Buffer> {
  const { digest, path, file, stat } = blob;
  try {
    const bytes = await onDisk(path, () => file.readFile());
    if (!seen.has(digest, stat) || bytes.length !== stat.size) await check(blob, { found: createHash('sha256').update(bytes).digest('hex'), seen, onCorrupt });
    return bytes;
  } finally {
    await file.close();
  }
}

interface Checking {
  /** The digest of the bytes, or what is wrong with them. */
  readonly found: string;
  readonly seen: SeenBlobs;
  readonly onCorrupt: OnCorrupt;
}

async function check({ digest, path, stat }: OpenBlob, { found, seen, onCorrupt }: Checking): Promise<void> {
  if (found === digest) return seen.add(digest, stat);
  await onCorrupt(digest, path, stat.ino);
  throw new CorruptBlob(digest, found);
}
