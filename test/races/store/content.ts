import { createHash } from 'node:crypto';
import type { Digest } from '../../../src/core/identity.js';

/** How many different blobs and records the workers write. */
export const BLOBS = 12;
export const RECORDS = 8;

/** Blob n: the same bytes in every process, 0 to 1.1 MB. */
export function content(n: number): Buffer {
  return Buffer.alloc(n * 100_003, `blob ${n} `);
}

export function digestOf(n: number): Digest {
  return createHash('sha256').update(content(n)).digest('hex') as Digest;
}

/** The blobs that record n needs. */
export function needs(n: number): readonly number[] {
  return [n, n + 2, n + 4];
}
