import type { Readable } from 'node:stream';
import { ByteSource } from './byte-source.js';
import type { Entry } from './entry.js';
import { cleanPath, unsafePath } from './paths.js';
import { refuseEntry } from './refusal.js';
import { TarReader } from './tar-reader.js';

/** An entry of a piece and where its content lies in it. */
export interface PieceEntry {
  readonly entry: Entry;
  /** Of the content, in bytes from the start of the piece. */
  readonly offset: number;
}

/**
 * Reads a piece of the store entry by entry, quicker than `readTar`: no decompression, no bookkeeping of the tree, no stream
 * for each entry. The source is read to its very end, where the store reports bytes that are not what they should be.
 */
export class PieceReader {
  readonly #bytes: ByteSource;
  readonly #parser: TarReader;
  readonly #subject: string;

  constructor(source: Readable, subject: string) {
    this.#bytes = new ByteSource(source);
    this.#parser = new TarReader(this.#bytes, subject);
    this.#subject = subject;
  }

  /** The next entry; what was left of the content before is skipped. Undefined after the last. */
  async next(): Promise<PieceEntry | undefined> {
    const raw = await this.#parser.next();
    if (raw === undefined) {
      await this.#bytes.drain();
      return undefined;
    }
    const path = cleanPath(raw.name);
    const unsafe = path === '' ? 'has no name' : unsafePath(raw.name);
    if (unsafe !== undefined) refuseEntry(this.#subject, raw.name, unsafe);
    const { mode, uid, gid, mtime, offset } = raw;
    const common = { path, mode, uid, gid, mtime };
    switch (raw.type) {
      case 'file':
        return { entry: { type: 'file', ...common, size: raw.size }, offset };
      case 'directory':
        return { entry: { type: 'directory', ...common }, offset };
      case 'other':
        return refuseEntry(this.#subject, raw.name, `is ${raw.what}`);
      default:
        return { entry: { type: raw.type, ...common, target: raw.target }, offset };
    }
  }

  /** Some of the current entry's content; undefined when all of it was given. */
  some(): Promise<Buffer | undefined> {
    return this.#parser.some();
  }

  /** Stops reading; the source is destroyed. */
  close(): Promise<void> {
    this.#parser.close();
    return this.#bytes.close();
  }
}

/** All entries of a piece, without contents. */
export async function pieceIndex(source: Readable, subject: string): Promise<PieceEntry[]> {
  const reader = new PieceReader(source, subject);
  const index: PieceEntry[] = [];
  try {
    for (let next = await reader.next(); next !== undefined; next = await reader.next()) index.push(next);
  } finally {
    await reader.close();
  }
  return index;
}
