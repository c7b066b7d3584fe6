import { ByteSource, EndOfBytes } from './byte-source.js';
import { decodePax } from './pax.js';
import { refuse, refuseEntry } from './refusal.js';
import { BLOCK, padding } from './tar-encode.js';
import { decodeBlock, text } from './tar-decode.js';
import type { Block } from './tar-decode.js';

/** A header with its long names and pax values applied; names as written. */
export interface RawEntry {
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** For `other`: what it is, in words. */
  readonly what: string;
  readonly name: string;
  readonly target: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  /** Bytes of content that follow. */
  readonly size: number;
  /** Where the content starts in the tar. */
  readonly offset: number;
}

const TYPES: Readonly<Record<string, RawEntry['type']>> = { '0': 'file', '7': 'file', '1': 'hardlink', '2': 'symlink', '5': 'directory' };
const OTHERS: Readonly<Record<string, string>> = {
  '3': 'a character device', '4': 'a block device', '6': 'a fifo', S: 'a sparse file', M: 'part of a multi-volume archive', D: 'an incremental dump', N: 'an old long name',
};
/** Long names and pax headers beyond this are an attack. */
const MAX_META = 1024 * 1024;

/** Pulls entries off a tar, one at a time. What is malformed ends in `Failed` (reason `archive`) that names `subject`. */
export class TarParser {
  readonly #source: ByteSource;
  readonly #subject: string;
  #left = 0;
  #padding = 0;
  #globals = new Map<string, string>();
  #name = '';

  constructor(source: ByteSource, subject: string) {
    this.#source = source;
    this.#subject = subject;
  }

  /** The next entry, after skipping what is left of the one before; undefined at the end of the archive. */
  async next(): Promise<RawEntry | undefined> {
    try {
      await this.#source.skip(this.#left + this.#padding);
      this.#left = 0;
      this.#padding = 0;
      return await this.#read();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Some of the current entry's content; undefined when all of it was given. */
  async some(max = 1024 * 1024): Promise<Buffer | undefined> {
    if (this.#left === 0) return undefined;
    try {
      const chunk = await this.#source.some(Math.min(this.#left, max));
      this.#left -= chunk.length;
      return chunk;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async #read(): Promise<RawEntry | undefined> {
    let local: Map<string, string> | undefined;
    let longName: string | undefined;
    let longTarget: string | undefined;
    for (;;) {
      const bytes = await this.#source.take(BLOCK);
      const block = bytes === undefined ? undefined : decodeBlock(bytes);
      if (block === undefined) {
        if (local !== undefined || longName !== undefined || longTarget !== undefined) refuse(this.#subject, 'ends within an entry');
        return undefined;
      }
      if (typeof block === 'string') refuseEntry(this.#subject, this.#name, `is followed by an entry that ${block}`);
      switch (block.type) {
        case 'g':
          for (const [keyword, value] of await this.#pax(block)) this.#globals.set(keyword, value);
          break;
        case 'x':
          local = await this.#pax(block);
          break;
        case 'L':
          longName = await this.#long(block);
          break;
        case 'K':
          longTarget = await this.#long(block);
          break;
        case 'V':
          await this.#source.skip(block.size + padding(block.size));
          break;
        default:
          return this.#entry(block, { longName, longTarget, pax: (keyword) => value(local, keyword) ?? value(this.#globals, keyword), sparse: isSparse(local) });
      }
    }
  }

  #entry(block: Block, meta: { longName: string | undefined; longTarget: string | undefined; pax: (keyword: string) => string | undefined; sparse: boolean }): RawEntry {
    const name = meta.pax('path') ?? meta.longName ?? block.name;
    const target = meta.pax('linkpath') ?? meta.longTarget ?? block.target;
    if (name === undefined) refuseEntry(this.#subject, this.#name, 'is followed by an entry whose name is not UTF-8');
    this.#name = name;
    if (target === undefined) refuseEntry(this.#subject, name, 'links to a name that is not UTF-8');
    let type = TYPES[block.type] ?? 'other';
    if (meta.sparse) type = 'other';
    // Archives older than ustar mark folders by a slash.
    if (type === 'file' && name.endsWith('/')) type = 'directory';
    const paxSize = meta.pax('size');
    const size = type === 'file' || (type === 'other' && !'346'.includes(block.type)) ? this.#integer('size', paxSize, block.size) : 0;
    this.#left = size;
    this.#padding = padding(size);
    return {
      type,
      what: meta.sparse ? 'a sparse file' : (OTHERS[block.type] ?? `of unknown type ${JSON.stringify(block.type)}`),
      name,
      target,
      mode: block.mode,
      uid: this.#integer('uid', meta.pax('uid'), block.uid),
      gid: this.#integer('gid', meta.pax('gid'), block.gid),
      mtime: this.#time(meta.pax('mtime'), block.mtime),
      size,
      offset: this.#source.position,
    };
  }

  #integer(keyword: string, written: string | undefined, otherwise: number): number {
    if (written === undefined) return otherwise;
    const parsed = Number(written);
    if (!/^[0-9]+$/.test(written) || !Number.isSafeInteger(parsed)) refuseEntry(this.#subject, this.#name, `has a bad ${keyword} in its pax header`);
    return parsed;
  }

  /** pax times may have a fraction; ours don't. */
  #time(written: string | undefined, otherwise: number): number {
    if (written === undefined) return otherwise;
    const parsed = Math.floor(Number(written));
    if (written.trim() === '' || !Number.isSafeInteger(parsed)) refuseEntry(this.#subject, this.#name, 'has a bad mtime in its pax header');
    return parsed;
  }

  async #meta(block: Block): Promise<Buffer> {
    if (block.size > MAX_META) refuse(this.#subject, `has a header of ${block.size} bytes`);
    const body = (await this.#source.take(block.size)) ?? (block.size === 0 ? Buffer.alloc(0) : undefined);
    if (body === undefined) throw new EndOfBytes();
    await this.#source.skip(padding(block.size));
    return body;
  }

  async #pax(block: Block): Promise<Map<string, string>> {
    const records = decodePax(await this.#meta(block));
    if (records === undefined) refuse(this.#subject, 'has a malformed pax header');
    return records;
  }

  async #long(block: Block): Promise<string> {
    const body = await this.#meta(block);
    const name = text(body, 0, body.length);
    if (name === undefined) refuse(this.#subject, 'has a name that is not UTF-8');
    return name;
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof EndOfBytes)) return error;
    try {
      return refuse(this.#subject, this.#name === '' ? 'is not a whole tar archive' : `ends too early, within or after entry ${JSON.stringify(this.#name)}`);
    } catch (failure) {
      return failure;
    }
  }
}

/** An empty value removes what the block or a global header says: as good as absent for us. */
function value(records: ReadonlyMap<string, string> | undefined, keyword: string): string | undefined {
  const found = records?.get(keyword);
  return found === '' ? undefined : found;
}

function isSparse(records: ReadonlyMap<string, string> | undefined): boolean {
  if (records === undefined) return false;
  for (const keyword of records.keys()) if (keyword.startsWith('GNU.sparse.')) return true;
  return false;
}
