import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onDisk } from '../util/disk.js';

/** A content that was put aside; read it with `Spool.read`. */
export type Kept = { readonly bytes: Buffer } | { readonly offset: number; readonly size: number };

const READ = 256 * 1024;

/**
 * Keeps contents until they are wanted, in memory up to a budget and in one temporary file beyond it. The file has no name
 * once it is open, so that not even a killed process leaves it behind. It is written and read directly: it rarely sees a
 * disk, and a turn through the thread pool takes longer than the copy.
 */
export class Spool {
  readonly #folder: string;
  #budget: number;
  /** Descriptor. */
  #file: number | undefined;
  #end = 0;

  constructor(options: { readonly folder?: string | undefined; readonly memory: number }) {
    this.#folder = options.folder ?? tmpdir();
    this.#budget = options.memory;
  }

  async keep(content: Buffer | AsyncIterable<Uint8Array>, size: number): Promise<Kept> {
    if (size <= this.#budget) {
      const bytes = Buffer.isBuffer(content) ? content : await gather(content);
      this.#budget -= bytes.length;
      return { bytes };
    }
    const file = (this.#file ??= await onDisk(this.#folder, async () => openNameless(this.#folder)));
    const offset = this.#end;
    for await (const chunk of Buffer.isBuffer(content) ? [content] : content) {
      const at = this.#end;
      await onDisk(this.#folder, async () => writeAll(file, chunk, at));
      this.#end += chunk.length;
    }
    return { offset, size: this.#end - offset };
  }

  /** With `scratch` the chunks are parts of that, and a chunk is done with when the next one is asked for. */
  read(kept: Kept, scratch?: Buffer): Buffer | AsyncIterable<Buffer> {
    return 'bytes' in kept ? kept.bytes : this.#chunks(kept, scratch);
  }

  async close(): Promise<void> {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  async *#chunks(kept: { readonly offset: number; readonly size: number }, scratch?: Buffer): AsyncGenerator<Buffer> {
    if (this.#file === undefined) throw new Error('read from a spool after its end');
    for (let done = 0; done < kept.size; ) {
      const buffer = scratch ?? Buffer.allocUnsafe(Math.min(READ, kept.size - done));
      const bytesRead = readSync(this.#file, buffer, 0, Math.min(buffer.length, kept.size - done), kept.offset + done);
      if (bytesRead === 0) throw new Error('the spool file became shorter');
      done += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }
}

async function gather(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  // A copy also where there is one chunk: it may be a small part of a big buffer, which would stay alive with it.
  return Buffer.concat(chunks);
}

/** In one go, so that a process that is killed meanwhile hardly ever leaves it behind. */
function openNameless(folder: string): number {
  const dir = mkdtempSync(join(folder, 'wheelwright-spool-'));
  try {
    return openSync(join(dir, 'spool'), 'wx+', 0o600);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function writeAll(file: number, chunk: Uint8Array, position: number): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done, chunk.length - done, position + done);
}
