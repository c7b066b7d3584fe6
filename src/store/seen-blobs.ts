import type { Stats } from 'node:fs';
import type { Digest } from '../core/identity.js';

/** What stays while nobody writes to a file. */
export type FileState = Pick<Stats, 'ino' | 'size' | 'mtimeMs'>;

/** Milliseconds. File systems tell times apart that are some 10 ms from each other. */
const SETTLED = 500;

/**
 * Blobs whose bytes this process has written, or read and found to be right. As long as the file is the same and has its time of
 * change, they are not hashed again: an artifact's bytes are read several times in one run. A file that has just been changed is
 * not remembered, since another change might leave it with the same time.
 */
export class SeenBlobs {
  readonly #files = new Map<Digest, FileState>();

  /** `state`: of before the first byte was read, or of after the last one was written. */
  add(digest: Digest, { ino, size, mtimeMs }: FileState): void {
    if (mtimeMs < Date.now() - SETTLED) this.#files.set(digest, { ino, size, mtimeMs });
  }

  has(digest: Digest, { ino, size, mtimeMs }: FileState): boolean {
    const seen = this.#files.get(digest);
    return seen !== undefined && seen.ino === ino && seen.size === size && seen.mtimeMs === mtimeMs;
  }
}

/** The time that a file gets which is to be remembered as soon as it is written: earlier than any change that may come. */
export function settledTime(): Date {
  return new Date(Date.now() - 2 * SETTLED);
}
