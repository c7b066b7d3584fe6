import { Readable } from 'node:stream';
import type { Entry } from './entry.js';
import { END_OF_TAR, encodeHeader, padding } from './tar-encode.js';

/** What goes into a tar: a file with its content, or something without one. */
export interface PackItem {
  readonly entry: Entry;
  /** Exactly `entry.size` bytes; ignored unless the entry is a file. */
  readonly content?: Buffer | AsyncIterable<Uint8Array>;
}

const CHUNK = 256 * 1024;

/**
 * A deterministic tar, written entry by entry in the order of the calls and readable at once as a stream. Awaiting each call
 * gives back-pressure, so somebody must read it meanwhile. A content of another size than its entry says is a plain Error.
 */
export class TarPack extends Readable {
  #chunk: Buffer = Buffer.allocUnsafe(CHUNK);
  #filled = 0;
  #resume: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: CHUNK });
  }

  async entry(entry: Entry, content?: Buffer | AsyncIterable<Uint8Array>): Promise<void> {
    await this.write(encodeHeader(entry));
    if (entry.type !== 'file') return;
    let left = entry.size;
    for await (const chunk of content === undefined || Buffer.isBuffer(content) ? [content ?? Buffer.alloc(0)] : content) {
      left -= chunk.length;
      if (left < 0) break;
      await this.write(chunk);
    }
    if (left !== 0) throw new Error(`the content of ${entry.path} is not of the size that its entry says (${entry.size})`);
    await this.pad(entry.size);
  }

  /** Ends the archive. */
  async finish(): Promise<void> {
    await this.write(END_OF_TAR);
    this.#flush();
    this.push(null);
  }

  /** Raw bytes, copied; for callers that write headers and contents themselves. Undefined when there is nothing to wait for. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.destroyed) throw this.errored ?? new Error('the tar stream was closed by its reader');
    if (bytes.length <= CHUNK - this.#filled) {
      this.#chunk.set(bytes, this.#filled);
      this.#filled += bytes.length;
      return undefined;
    }
    let room = true;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + CHUNK - this.#filled);
      this.#chunk.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === CHUNK) room = this.#flush();
    }
    return room ? undefined : this.#drained();
  }

  /** The zero bytes after a content of this size. */
  pad(size: number): Promise<void> | undefined {
    return this.write(END_OF_TAR.subarray(0, padding(size)));
  }

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
    done(error);
  }

  #flush(): boolean {
    if (this.#filled === 0) return true;
    const full = this.#chunk.subarray(0, this.#filled);
    this.#chunk = Buffer.allocUnsafe(CHUNK);
    this.#filled = 0;
    return this.push(full);
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    if (this.destroyed) throw this.errored ?? new Error('the tar stream was closed by its reader');
  }
}

/** A writer for one deterministic tar. */
export function packTar(): TarPack {
  return new TarPack();
}

/** The tar of these items, in their order; an error of the items becomes the stream's. */
export function tarOf(items: AsyncIterable<PackItem> | Iterable<PackItem>): Readable {
  return packing(async (pack) => {
    for await (const { entry, content } of items) await pack.entry(entry, content);
  });
}

/** Runs `write` when the stream is first read, then ends the archive. If the reader goes away, `write` is stopped by its next call. */
export function packing(write: (pack: TarPack) => Promise<void>): Readable {
  return new LazyPack(write);
}

class LazyPack extends TarPack {
  #start: ((pack: TarPack) => Promise<void>) | undefined;

  constructor(start: (pack: TarPack) => Promise<void>) {
    super();
    this.#start = start;
  }

  override _read(): void {
    const start = this.#start;
    if (start === undefined) return super._read();
    this.#start = undefined;
    start(this).then(
      () => (this.destroyed ? undefined : this.finish()),
    ).catch((error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))));
  }
}
