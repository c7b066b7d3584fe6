import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip, gunzip } from 'node:zlib';
import { pipeline, Readable as NodeReadable } from 'node:stream';
import type { ZlibOptions } from 'node:zlib';
import { Failed } from '../core/failure.js';
import { ByteSource } from './byte-source.js';
import { refuse } from './refusal.js';

/** The bytes of a tar, gunzipped if they start with gzip's magic number. Broken gzip data ends in `Failed` (reason `archive`). */
export async function* tarBytes(source: Readable, subject: string): AsyncGenerator<Buffer> {
  const bytes = new ByteSource(source);
  try {
    const magic = await bytes.peek(6);
    if (magic[0] !== 0x1f || magic[1] !== 0x8b) {
      const other = knownCompression(magic);
      if (other !== undefined) refuse(subject, `is compressed with ${other}; only gzip is supported`);
      yield* bytes.rest();
      return;
    }
    yield* gunzipped(bytes.rest(), subject);
  } finally {
    await bytes.close();
    source.destroy();
  }
}

/**
 * The whole of a gzip file at once, a fraction of the price of streams for small ones. Undefined when it would be more than
 * `limit` bytes, or is not a whole gzip file: read it as a stream, which says what is wrong with it.
 */
export async function gunzipSmall(bytes: Buffer, limit: number): Promise<Buffer | undefined> {
  if (bytes.length < 18 || bytes[0] !== 0x1f || bytes[1] !== 0x8b) return undefined;
  // What the trailer says of the size is a hint: if it is right, there is one buffer.
  const size = bytes.readUInt32LE(bytes.length - 4);
  if (size > limit) return undefined;
  return gunzipAtOnce(bytes, { chunkSize: Math.max(size + 1, 1024), maxOutputLength: limit }).catch(() => undefined);
}

const gunzipAtOnce = promisify<Buffer, ZlibOptions, Buffer>(gunzip);

async function* gunzipped(compressed: AsyncGenerator<Buffer>, subject: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  let sourceError: unknown;
  const guarded = NodeReadable.from(remember(compressed, (error) => (sourceError = error)), { objectMode: false });
  // The error is seen by the loop below; pipeline only ties the two streams together.
  pipeline(guarded, gunzip, () => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    if (error instanceof Failed) throw error;
    refuse(subject, `is not a whole gzip file (${(error as Error).message})`);
  } finally {
    gunzip.destroy();
    guarded.destroy();
  }
}

async function* remember(source: AsyncGenerator<Buffer>, onError: (error: unknown) => void): AsyncGenerator<Buffer> {
  try {
    yield* source;
  } catch (error) {
    onError(error);
    throw error;
  }
}

function knownCompression(magic: Buffer): string | undefined {
  const hex = magic.toString('hex');
  if (hex.startsWith('425a68')) return 'bzip2';
  if (hex.startsWith('fd377a585a00')) return 'xz';
  if (hex.startsWith('28b52ffd')) return 'zstd';
  if (hex.startsWith('504b0304')) return 'ZIP';
  return undefined;
}
