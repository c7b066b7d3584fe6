import { createHash } from 'node:crypto';
import { constants, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Digest } from '../core/identity.js';
import { diskError, errorCode } from '../util/disk.js';
import { CorruptBlob, MissingBlob } from './store.js';

/** Bytes read at a time. */
const CHUNK = 256 * 1024;

/** Called when a blob's bytes turned out wrong, before the reader is told. */
export type OnCorrupt = (digest: Digest, path: string, inode: number) => Promise<void>;

/** A blob opened for reading. Throws MissingBlob where there is no such regular file. */
export async function openBlob(path: string, digest: Digest): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ELOOP') throw new MissingBlob(digest, { cause: error });
    throw diskError(error, path);
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new MissingBlob(digest);
}

/**
 * The bytes of an open blob, verified: the last chunk is held back until the hash has matched, so nobody can read to
 * the end of wrong bytes without the error. Closes the file, also when destroyed half-way.
 */
export function verifiedStream(file: FileHandle, blob: { digest: Digest; path: string }, onCorrupt: OnCorrupt): Readable {
  const hash = createHash('sha256');
  // Most blobs are small: a whole chunk for each, and another to see its end, would be twice their bytes in garbage.
  let left = fstatSync(file.fd).size;
  let held: Buffer | undefined;

  async function next(): Promise<{ chunk?: Buffer; end: boolean }> {
    for (;;) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(left, 1)));
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      // More than there was: somebody wrote to it, and the hash will tell.
      left = left > 0 ? left - bytesRead : CHUNK;
      const before = held;
      if (bytesRead === 0) {
        const found = hash.digest('hex');
        if (found === blob.digest) return before === undefined ? { end: true } : { chunk: before, end: true };
        await onCorrupt(blob.digest, blob.path, (await file.stat()).ino);
        throw new CorruptBlob(blob.digest, found);
      }
      held = buffer.subarray(0, bytesRead);
      hash.update(held);
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
        (error: unknown) => this.destroy(diskError(error, blob.path) as Error),
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
