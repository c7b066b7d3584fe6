import type { Extract, Header } from 'tar-stream';
import { ByteSource, EndOfBytes } from './byte-source.js';
import { paxRecords } from './pax.js';
import { refuse, refuseEntry } from './refusal.js';
import { BLOCK, badNumber, isEnd, isNegative, octalSize, padding, typeFlag } from './tar-block.js';

/** An entry as the archive has it: long names and pax values applied, names not checked. */
export interface RawEntry {
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** For `other`: what it is, in words. */
  readonly what: string;
  readonly name: string;
  readonly target: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Bytes of content that follow. */
  readonly size: number;
  /** Where the content starts in the tar. */
  readonly offset: number;
  /** It has extended attributes (which are not read). */
  readonly extended: boolean;
}

/** Headers of headers: pax (one entry, all entries), GNU long name and link target. */
const META = 'xgLK';
/** Those beyond this many bytes are an attack. */
const MAX_META = 1024 * 1024;
/** Bytes that are fed at once. */
const CHUNK = 256 * 1024;

const TYPES: Readonly<Record<string, RawEntry['type']>> = { file: 'file', 'contiguous-file': 'file', link: 'hardlink', symlink: 'symlink', directory: 'directory' };
const XATTR = /^(?:SCHILY|LIBARCHIVE)\.xattr\./;
const OTHERS: Readonly<Record<string, string>> = {
  '3': 'a character device', '4': 'a block device', '6': 'a fifo', S: 'a sparse file', M: 'part of a multi-volume archive', D: 'an incremental dump',
};

/**
 * Reads a tar with tar-stream, which is fed step by step: a header, then its content. So each header block passes by here
 * alone, and what tar-stream is too lax about is refused (README, "Guards"). What is malformed ends in `Failed` (reason
 * `archive`) that names `subject`; errors of the source come through as they are.
 */
export class TarReader {
  readonly #source: ByteSource;
  readonly #subject: string;
  readonly #globals = new Map<string, string>();
  #tar: Extract | undefined;
  #header: Header | undefined;
  #data: Buffer[] = [];
  #onDigested: (() => void) | undefined;
  #onData: (() => void) | undefined;
  /** Of the current content: bytes not fed yet. */
  #left = 0;
  #padding = 0;
  #name = '';

  constructor(source: ByteSource, subject: string) {
    this.#source = source;
    this.#subject = subject;
  }

  /** The next entry, after skipping what is left of the one before; undefined at the end of the archive. */
  async next(): Promise<RawEntry | undefined> {
    while ((await this.some()) !== undefined);
    try {
      return await this.#next();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Some of the current entry's content; undefined when all of it was given. */
  async some(): Promise<Buffer | undefined> {
    if (this.#data.length > 0) return this.#data.shift();
    if (this.#left === 0) return undefined;
    try {
      const last = this.#left + this.#padding <= CHUNK;
      const chunk = last ? await this.#take(this.#left + this.#padding) : await this.#source.some(Math.min(this.#left, CHUNK));
      this.#left = last ? 0 : this.#left - chunk.length;
      await this.#feed(chunk);
      if (this.#data.length === 0) await new Promise<void>((resolve) => (this.#onData = resolve));
      return this.#data.shift();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Gives up tar-stream's part; the source is its owner's. */
  close(): void {
    this.#tar?.destroy();
  }

  async #next(): Promise<RawEntry | undefined> {
    let records: ReadonlyMap<string, string> | undefined;
    let within = false;
    for (;;) {
      const block = await this.#source.take(BLOCK);
      if (block === undefined || isEnd(block)) {
        if (within) refuse(this.#subject, 'ends within an entry');
        return undefined;
      }
      const flag = typeFlag(block);
      if (META.includes(flag)) {
        const found = await this.#meta(block, flag);
        if (flag === 'x') records = found ?? records;
        within ||= flag !== 'g';
        continue;
      }
      const entry = await this.#entry(block, records);
      if (flag !== 'V') return entry;
      // A volume label is no entry.
      while ((await this.some()) !== undefined);
      records = undefined;
      within = false;
    }
  }

  /** Feeds a header of headers. Gives the records of a pax header. */
  async #meta(block: Buffer, flag: string): Promise<ReadonlyMap<string, string> | undefined> {
    const size = badNumber(block) === undefined ? octalSize(block) : Number.NaN;
    if (Number.isNaN(size)) this.#refuseNext('has a header with a wrong checksum or a bad number');
    if (size > MAX_META) refuse(this.#subject, `has a header of ${size} bytes`);
    // After an empty one tar-stream would take the next padding for its body.
    if (size === 0) return undefined;
    const body = await this.#take(size + padding(size));
    await this.#feed(block);
    await this.#feed(body);
    if (flag === 'L' || flag === 'K') return undefined;
    const records = paxRecords(body.subarray(0, size));
    if (records === undefined) refuse(this.#subject, 'has a malformed pax header');
    if (flag === 'g') this.#setGlobals(records);
    return records;
  }

  /** tar-stream leaves global records out unless an entry has some of its own; those that we allow are applied here. */
  #setGlobals(records: ReadonlyMap<string, string>): void {
    for (const [keyword, value] of records) {
      if (['path', 'linkpath', 'size'].includes(keyword) && value !== '') {
        refuse(this.#subject, `has a global pax header that gives all entries the ${keyword} ${JSON.stringify(value.slice(0, 200))}`);
      }
      this.#globals.set(keyword, value);
    }
  }

  async #entry(block: Buffer, records: ReadonlyMap<string, string> | undefined): Promise<RawEntry> {
    const flag = typeFlag(block);
    // For tar-stream another mark of a long name; nobody has written it for decades.
    if (flag === 'N') this.#refuseNext('is an old long name');
    this.#header = undefined;
    await this.#feed(block);
    const header = this.#header as Header | undefined;
    if (header === undefined) throw new Error('tar-stream gave no entry for a header');
    const bad = badNumber(block) ?? (Number.isSafeInteger(header.size) ? undefined : 'size');
    if (bad !== undefined) this.#refuseNext(`has a header with a bad ${bad}`);

    const name = header.name;
    const target = header.linkname ?? '';
    if (name.includes('\ufffd')) this.#refuseNext('has a name that is not UTF-8');
    this.#name = name;
    if (target.includes('\ufffd')) refuseEntry(this.#subject, name, 'links to a name that is not UTF-8');

    const sparse = [...(records?.keys() ?? [])].some((keyword) => keyword.startsWith('GNU.sparse.'));
    // Archives older than ustar mark folders by a slash.
    const type = sparse ? 'other' : header.type === 'file' && name.endsWith('/') ? 'directory' : (TYPES[header.type] ?? 'other');
    if (header.type === 'directory') header.size = 0;
    // Readers disagree on whether a content follows.
    if (header.size > 0 && (type === 'symlink' || type === 'hardlink' || type === 'directory' || '346'.includes(flag))) {
      refuseEntry(this.#subject, name, 'has a content and is no file');
    }
    this.#checkPaxSize(records);
    this.#left = header.size;
    this.#padding = padding(header.size);
    return {
      type,
      what: sparse ? 'a sparse file' : (OTHERS[flag] ?? `of unknown type ${JSON.stringify(flag)}`),
      name,
      target,
      mode: header.mode & 0o7777,
      uid: this.#number('uid', { written: records?.get('uid'), read: header.uid, block }),
      gid: this.#number('gid', { written: records?.get('gid'), read: header.gid, block }),
      mtime: this.#number('mtime', { written: records?.get('mtime'), read: header.mtime.getTime() / 1000, block }),
      size: header.size,
      offset: this.#source.position,
      extended: [...(records?.keys() ?? [])].some((keyword) => XATTR.test(keyword)),
    };
  }

  #checkPaxSize(records: ReadonlyMap<string, string> | undefined): void {
    const size = records?.get('size') ?? '';
    if (size !== '' && !/^[0-9]+$/.test(size)) refuseEntry(this.#subject, this.#name, 'has a bad size in its pax header');
  }

  /** An owner or time: out of the pax header, the global one or the block. pax times may have a fraction, which goes. */
  #number(field: 'uid' | 'gid' | 'mtime', { written, read, block }: { readonly written: string | undefined; readonly read: number; readonly block: Buffer }): number {
    const text = written !== undefined && written !== '' ? written : (this.#globals.get(field) ?? '');
    // tar-stream takes negative base-256 numbers for one's complement.
    if (text === '' && Number.isSafeInteger(read)) return isNegative(block, field) ? read - 1 : read;
    const parsed = field === 'mtime' ? Math.floor(Number(text)) : Number(text);
    if (!(field === 'mtime' ? /^-?[0-9]+(?:\.[0-9]*)?$/ : /^[0-9]+$/).test(text) || !Number.isSafeInteger(parsed)) refuseEntry(this.#subject, this.#name, `has a bad ${field} in its header`);
    return parsed;
  }

  async #take(size: number): Promise<Buffer> {
    const bytes = await this.#source.take(size);
    if (bytes === undefined) throw new EndOfBytes();
    return bytes;
  }

  /** Gives bytes to tar-stream and waits until it has digested them. */
  async #feed(bytes: Buffer): Promise<void> {
    const tar = (this.#tar ??= await this.#open());
    if (!tar.write(bytes)) await new Promise<void>((resolve) => (this.#onDigested = resolve));
    // It refuses nothing else of what it is fed here.
    if (tar.destroyed) this.#refuseNext('has a header with a wrong checksum or size');
  }

  async #open(): Promise<Extract> {
    // By its default export: what a bundler makes of a CommonJS library has no other.
    const { extract } = (await import('tar-stream')).default;
    // Every write is more than the mark, so each is followed by `drain`. Without a known magic there is version 7.
    const tar = extract({ highWaterMark: 1, allowUnknownFormat: true } as Parameters<typeof extract>[0]);
    tar.on('drain', () => this.#onDigested?.()).on('error', () => undefined);
    tar.on('close', () => {
      this.#onDigested?.();
      this.#onData?.();
    });
    tar.on('entry', (header, content, done) => {
      this.#header = header;
      content.on('error', () => undefined).on('data', (chunk) => {
        this.#data.push(chunk as Buffer);
        this.#onData?.();
      });
      done();
    });
    return tar;
  }

  #refuseNext(what: string): never {
    refuseEntry(this.#subject, this.#name, `is followed by an entry that ${what}`);
  }

  #explained(error: unknown): unknown {
    if (!(error instanceof EndOfBytes)) return error;
    try {
      return refuse(this.#subject, this.#name === '' ? 'is not a whole tar archive' : `ends too early, within or after entry ${JSON.stringify(this.#name)}`);
    } catch (failure) {
      return failure;
    }
  }
}
