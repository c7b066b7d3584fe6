import { Readable } from 'node:stream';
import { readTar } from '../archive/read-tar.js';
import { Spool, type Kept } from '../archive/spool.js';
import type { Entry } from '../archive/entry.js';
import { Failed } from '../core/failure.js';
import { BuilderOnly } from './refusal.js';

const MEMORY = 16 * 1024 * 1024;

/**
 * The files of a local archive, read by their number in it. They are put aside at the first question, and let go of when
 * all have been read once.
 */
export class ArchiveContents {
  #kept: Promise<readonly Kept[]> | undefined;
  #spool: Spool | undefined;
  #unread = new Set<number>();

  constructor(
    private readonly open: () => AsyncIterable<Uint8Array>,
    private readonly subject: string,
  ) {}

  /** All entries in the archive's order. What is unsafe or strange is left to the builder. */
  async entries(): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    try {
      for await (const { entry } of this.#read()) entries.push(entry);
    } catch (error) {
      if (error instanceof Failed && error.has('archive')) throw new BuilderOnly(`ADD of an archive that needs care: ${error.message}`);
      throw error;
    }
    return entries;
  }

  async *content(number: number): AsyncGenerator<Uint8Array> {
    const kept = await (this.#kept ??= this.#keep());
    const bytes = this.#spool!.read(kept[number]!);
    if (Buffer.isBuffer(bytes)) yield bytes;
    else yield* bytes;
    this.#unread.delete(number);
    if (this.#unread.size === 0) await this.#letGo();
  }

  async #keep(): Promise<readonly Kept[]> {
    const spool = (this.#spool = new Spool({ memory: MEMORY }));
    const kept: Kept[] = [];
    for await (const { entry, content } of this.#read()) {
      if (entry.type === 'file') this.#unread.add(kept.length);
      kept.push(entry.type === 'file' ? await spool.keep(content, entry.size) : { bytes: Buffer.alloc(0) });
    }
    return kept;
  }

  async #letGo(): Promise<void> {
    const spool = this.#spool;
    this.#spool = undefined;
    this.#kept = undefined;
    await spool?.close();
  }

  #read() {
    return readTar(Readable.from(this.open(), { objectMode: false }), { subject: this.subject, links: 'keep', xattrs: 'refuse' });
  }
}
