import { createHash } from 'node:crypto';
import type { Hash as NodeHash } from 'node:crypto';
import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** Passes bytes on unchanged and hashes them on the way; ask for the hashes after the end. */
export class HashingStream extends Transform {
  /** Bytes so far. */
  size = 0;
  readonly #hashes: ReadonlyMap<string, NodeHash>;
  readonly #results = new Map<string, string>();

  constructor(algorithms: readonly string[]) {
    super();
    this.#hashes = new Map(algorithms.map((algorithm) => [algorithm, createHash(algorithm)]));
  }

  /** In lower-case hex. */
  hex(algorithm: string): string {
    const result = this.#results.get(algorithm);
    if (result === undefined) throw new Error(`no ${algorithm}: not asked for, or the stream has not ended`);
    return result;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.size += chunk.length;
    for (const hash of this.#hashes.values()) hash.update(chunk);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    for (const [algorithm, hash] of this.#hashes) this.#results.set(algorithm, hash.digest('hex'));
    done();
  }
}
