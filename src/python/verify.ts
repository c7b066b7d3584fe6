import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { fail } from '../core/failure.js';
import type { Place } from '../core/place.js';

export interface Expectation {
  /** For messages: `flask-3.1.0.tar.gz of flask 3.1.0`. */
  readonly subject: string;
  /** `sha256:<hex>` …: one of them must be the stream's; empty: anything goes. */
  readonly hashes: readonly string[];
  /** Where the hashes are written. */
  readonly place?: Place;
}

const KNOWN = new Set(['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']);

/**
 * The stream, with `onChunk` called for each part. It ends in Failed (`integrity`), after its last byte and before its end,
 * if it has none of the expected hashes: whoever writes it keeps nothing.
 */
export async function* verified(source: Readable, expected: Expectation, onChunk: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  const algorithms = [...new Set(expected.hashes.map((hash) => hash.split(':')[0] as string))].filter((algorithm) => KNOWN.has(algorithm));
  const hashers = algorithms.map((algorithm) => ({ algorithm, hash: createHash(algorithm) }));
  for await (const chunk of source as AsyncIterable<Buffer>) {
    for (const { hash } of hashers) hash.update(chunk);
    onChunk(chunk);
    yield chunk;
  }
  if (expected.hashes.length === 0) return;
  const found = hashers.map(({ algorithm, hash }) => `${algorithm}:${hash.digest('hex')}`);
  if (!found.some((hash) => expected.hashes.includes(hash))) wrong(expected, found);
}

function wrong(expected: Expectation, found: readonly string[]): never {
  return fail({
    reason: 'integrity',
    message: `${expected.subject} has none of the expected hashes`,
    ...(expected.place === undefined ? {} : { place: expected.place }),
    detail: [...expected.hashes.map((hash) => `expected ${hash}`), ...found.map((hash) => `found    ${hash}`)],
    advice: 'correct the pin if it is wrong; if it is right, do not use this file',
  });
}
