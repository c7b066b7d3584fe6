import { Readable } from 'node:stream';
import type { Pack } from 'tar-stream';
import type { Entry } from './entry.js';
import { tarHeader } from './tar-header.js';

/** What goes into a tar: a file with its content, or something without one. */
export interface PackItem {
  readonly entry: Entry;
  /** Exactly `entry.size` bytes; ignored unless the entry is a file. */
  readonly content?: Buffer | AsyncIterable<Uint8Array>;
}

const CHUNK = 256 * 1024;
const EMPTY = Buffer.alloc(0);

/**
 * A deterministic tar, written entry by entry in the order of the calls and readable at once as a stream. Awaiting each call
 * gives back-pressure, so somebody must read it meanwhile. A content of another size than its entry says is a plain Error.
 * tar-stream's `pack` writes it; here its many small chunks become few big ones, in a stream of Node's own.
 */
export class TarPack extends Readable {
  #tar: Pack | undefined;
  #chunk: Buffer = Buffer.allocUnsafe(CHUNK);
  #filled = 0;

  constructor() {
    super({ highWaterMark: CHUNK });
  }

  async entry(entry: Entry, content?: Buffer | AsyncIterable<Uint8Array>): Promise<void> {
    const tar = (this.#tar ??= await this.#open());
    if (this.destroyed) throw this.#gone();
    if (entry.type !== 'file') return this.#done((done) => tar.entry(tarHeader(entry), done));
    if (content === undefined || Buffer.isBuffer(content)) {
      const bytes = content ?? EMPTY;
      if (bytes.length !== entry.size) throw wrongSize(entry);
      return this.#done((done) => tar.entry(tarHeader(entry), bytes, done));
    }
    let packed: (error?: Error | null) => void = () => undefined;
    const finished = this.#done((done) => void (packed = done));
    finished.catch(() => undefined);
    const sink = tar.entry(tarHeader(entry), packed);
    sink.on('error', () => undefined);
    let left = entry.size;
    for await (const chunk of content) {
      left -= chunk.length;
      if (left < 0) break;
      if (!sink.write(chunk)) await drained(sink);
      if (this.destroyed) throw this.#gone();
    }
    if (left !== 0) throw wrongSize(entry);
    sink.end(undefined);
    await finished;
  }

  /** Ends the archive. */
  async finish(): Promise<void> {
    (this.#tar ??= await this.#open()).finalize();
  }

  override _read(): void {
    this.#tar?.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#tar?.destroy();
    done(error);
  }

  async #open(): Promise<Pack> {
    // By its default export: what a bundler makes of a CommonJS library has no other.
    const { pack } = (await import('tar-stream')).default;
    const tar = pack();
    tar.on('error', () => undefined);
    tar.on('data', (bytes) => {
      if (!this.#add(bytes as Buffer)) tar.pause();
    });
    tar.on('end', () => {
      this.#flush();
      this.push(null);
    });
    return tar;
  }

  /** Waits until tar-stream has taken an entry. */
  async #done(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
    } catch (error) {
      if (!this.destroyed) throw error;
    }
    if (this.destroyed) throw this.#gone();
  }

  /** False when the reader has enough. */
  #add(bytes: Buffer): boolean {
    let room = true;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + CHUNK - this.#filled);
      this.#chunk.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === CHUNK) room = this.#flush();
    }
    return room;
  }

  #flush(): boolean {
    if (this.#filled === 0) return true;
    const full = this.#chunk.subarray(0, this.#filled);
    this.#chunk = Buffer.allocUnsafe(CHUNK);
    this.#filled = 0;
    return this.push(full);
  }

  #gone(): Error {
    return this.errored ?? new Error('the tar stream was closed by its reader');
  }
}

/** Room again, or nobody to write to any more. Leaves no listener behind: a big file waits thousands of times. */
function drained(sink: ReturnType<Pack['entry']>): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      sink.off('drain', go);
      sink.off('close', go);
      resolve();
    };
    sink.on('drain', go);
    sink.on('close', go);
  });
}

function wrongSize({ path, size }: Entry & { readonly type: 'file' }): Error {
  return new Error(`the content of ${path} is not of the size that its entry says (${size})`);
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
