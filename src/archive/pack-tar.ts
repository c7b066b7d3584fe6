import { Readable } from 'node:stream';
import type { Entry } from './entry.js';
import { BLOCK, padding } from './tar-block.js';
import { headerBlocks } from './write-header.js';

/** What goes into a tar: a file with its content, or something without one. */
export interface PackItem {
  readonly entry: Entry;
  /** Exactly `entry.size` bytes; ignored unless the entry is a file. */
  readonly content?: Content;
}

type Content = Buffer | AsyncIterable<Uint8Array>;

const CHUNK = 256 * 1024;
const EMPTY = Buffer.alloc(0);
const ZEROS = Buffer.alloc(2 * BLOCK);

/**
 * A deterministic tar, written entry by entry in the order of the calls and readable at once as a stream. Awaiting each call
 * gives back-pressure, so somebody must read it meanwhile. A content of another size than its entry says is a plain Error.
 */
export class TarPack extends Readable {
  #chunk: Buffer = Buffer.allocUnsafe(CHUNK);
  #filled = 0;
  /** Set while the reader has enough. */
  #full = false;
  #room: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: CHUNK });
  }

  async entry(entry: Entry, content: Content = EMPTY): Promise<void> {
    for await (const bytes of bytesOf(entry, content)) await this.#add(bytes);
  }

  /** Ends the archive. */
  async finish(): Promise<void> {
    await this.#add(ZEROS);
    this.#flush();
    this.push(null);
  }

  override _read(): void {
    this.#full = false;
    this.#room?.();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#room?.();
    done(error);
  }

  async #add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.destroyed) throw this.errored ?? new Error('the tar stream was closed by its reader');
      const part = bytes.subarray(at, at + CHUNK - this.#filled);
      this.#chunk.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === CHUNK) this.#flush();
      while (this.#full && !this.destroyed) await new Promise<void>((resolve) => (this.#room = resolve));
    }
  }

  #flush(): void {
    const full = this.#chunk.subarray(0, this.#filled);
    this.#chunk = Buffer.allocUnsafe(CHUNK);
    this.#filled = 0;
    if (full.length > 0) this.#full = !this.push(full);
  }
}

/** Header, content, and what fills its last block. */
async function* bytesOf(entry: Entry, content: Content): AsyncGenerator<Uint8Array> {
  yield headerBlocks(entry);
  if (entry.type !== 'file') return;
  let left = entry.size;
  for await (const bytes of Buffer.isBuffer(content) ? [content] : content) {
    left -= bytes.length;
    if (left < 0) break;
    yield bytes;
  }
  if (left !== 0) throw new Error(`the content of ${entry.path} is not of the size that its entry says (${entry.size})`);
  yield ZEROS.subarray(0, padding(entry.size));
}

/** The tar of these items, in their order; an error of the items becomes the stream's. */
export function tarOf(items: AsyncIterable<PackItem> | Iterable<PackItem>): Readable {
  return packing(async (pack) => {
    for await (const { entry, content } of items) await pack.entry(entry, content);
  });
}

/**
 * The same tar without a stream, for who takes each chunk before asking for the next: all chunks are one and the same buffer, so
 * that a tar of any size leaves no more than that to be collected.
 */
export async function* tarChunks(items: readonly PackItem[]): AsyncGenerator<Buffer> {
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK, atMost(items)));
  let filled = 0;
  for (const { entry, content = EMPTY } of items) {
    for await (const bytes of bytesOf(entry, content)) yield* add(bytes);
  }
  yield* add(ZEROS);
  if (filled > 0) yield chunk.subarray(0, filled);

  function* add(bytes: Uint8Array): Generator<Buffer> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + chunk.length - filled);
      chunk.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < chunk.length) continue;
      yield chunk;
      filled = 0;
    }
  }
}

/** Bytes of a tar of these items, if few have a long name. */
function atMost(items: readonly PackItem[]): number {
  return items.reduce((sum, { entry }) => sum + 2 * BLOCK + (entry.type === 'file' ? entry.size : 0), 2 * BLOCK);
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
