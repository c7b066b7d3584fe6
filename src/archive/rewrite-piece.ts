import { FIXED_TIME, type Entry } from './entry.js';
import { paxRecords } from './pax.js';
import { cleanPath, unsafePath } from './paths.js';
import { refuse, refuseEntry } from './refusal.js';
import { BLOCK, isEnd, padding, typeFlag } from './tar-block.js';
import { headerBlocks, writeHeader } from './write-header.js';

/** What an entry of a piece becomes, if anything. Only a file may become a file, of the same size: its content stays. `HOLD`: asked again after `resume`. */
export type Rewrite = (entry: Entry) => Entry | undefined | typeof HOLD;

/** Looks at what is read, and refuses it. */
export interface Guard {
  /** Every header's block, those of pax headers too. */
  block(block: Buffer): void;
  /** Of a pax header. */
  records(records: ReadonlyMap<string, string>): void;
}

/** The entry must wait for others: nothing more is read. */
export const HOLD = Symbol('hold');

/**
 * Passes a piece through with other headers, a chunk at a time: contents stay where they are in memory, and a new header
 * is written over the old one. Gives no end of archive. Without a guard only for pieces of the store: what a foreign archive may do wrong
 * (see README) was refused when the piece was made.
 */
export class PieceRewriter {
  readonly #rewrite: Rewrite;
  readonly #subject: string;
  readonly #guard: Guard | undefined;
  /** Bytes of a header that began in an earlier chunk. */
  #begun: Buffer | undefined;
  /** Of the current content with its padding. */
  #left = 0;
  #keeps = false;
  /** Body of a pax header or GNU long name, until it is whole. */
  #meta: Meta | undefined;
  #path: string | undefined;
  #target: string | undefined;
  #size: number | undefined;
  #ended = false;
  /** What was not read yet, since an entry is held. */
  #held: Buffer | undefined;

  constructor(subject: string, rewrite: Rewrite, guard?: Guard) {
    this.#rewrite = rewrite;
    this.#subject = subject;
    this.#guard = guard;
  }

  /** An entry was held: `resume`, not `feed`, goes on. */
  get holds(): boolean {
    return this.#held !== undefined;
  }

  /** Forgets what was left when an entry was held; gives how many bytes that were: `feed` goes on with them. */
  putBack(): number {
    const left = this.#held?.length ?? 0;
    this.#held = undefined;
    return left;
  }

  /** As `feed`, with what was left when an entry was held. */
  resume(): Buffer[] {
    const rest = this.#held ?? Buffer.alloc(0);
    this.#held = undefined;
    return this.feed(rest);
  }

  /** The next bytes of the piece. Gives what goes out, in order: parts of the chunk, which is changed, and new headers. */
  feed(chunk: Buffer): Buffer[] {
    const out: Buffer[] = [];
    let at = 0;
    /** Where those bytes begin that go out next. */
    let from = this.#keeps ? 0 : -1;
    const cut = (end: number): void => {
      if (from >= 0 && end > from) out.push(chunk.subarray(from, end));
      from = -1;
    };
    while (at < chunk.length && !this.#ended) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, chunk.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      if (this.#meta !== undefined) {
        at += this.#fillMeta(chunk, at);
        continue;
      }
      const begun = this.#begun?.length ?? 0;
      if (begun > 0 || chunk.length - at < BLOCK) {
        cut(at);
        const some = chunk.subarray(at, at + BLOCK - begun);
        at += some.length;
        this.#begun = this.#begun === undefined ? Buffer.from(some) : Buffer.concat([this.#begun, some]);
        if (this.#begun.length < BLOCK) break;
        const block = this.#begun;
        this.#begun = undefined;
        const header = this.#header(block);
        if (header === HOLD) {
          this.#held = Buffer.concat([block, chunk.subarray(at)]);
          return out;
        }
        if (header !== undefined) out.push(header);
      } else {
        const block = chunk.subarray(at, at + BLOCK);
        const kept = this.#keeps;
        const header = this.#header(block);
        if (header === HOLD) {
          cut(at);
          this.#held = chunk.subarray(at);
          return out;
        }
        if (header === block) {
          if (!kept || from < 0) from = at;
        } else {
          cut(at);
          if (header !== undefined) out.push(header);
        }
        at += BLOCK;
      }
      if (this.#keeps && from < 0) from = at;
    }
    cut(at);
    return out;
  }

  /** Call it after the last chunk. */
  end(): void {
    if (this.holds || this.#left > 0 || this.#meta !== undefined || this.#begun !== undefined || this.#path !== undefined || this.#target !== undefined || this.#size !== undefined || !this.#ended) refuse(this.#subject, 'is not a whole tar archive');
  }

  /** The new header of what begins with this block; the block itself, if it has been written over. Held, it can be asked for again. */
  #header(block: Buffer): Buffer | undefined | typeof HOLD {
    this.#keeps = false;
    if (block[0] === 0 && isEnd(block)) {
      this.#ended = true;
      return undefined;
    }
    this.#guard?.block(block);
    const flag = typeFlag(block);
    const size = numberAt(block, 124);
    if ('xLK'.includes(flag)) {
      this.#meta = { flag, body: Buffer.allocUnsafe(size + padding(size)), filled: 0, size };
      return undefined;
    }
    const entry = this.#entry(block, flag, size);
    const fileSize = entry.type === 'file' ? entry.size : 0;
    const changed = this.#rewrite(entry);
    if (changed === HOLD) return HOLD;
    this.#left = fileSize + padding(fileSize);
    this.#path = this.#target = this.#size = undefined;
    if (changed === undefined) return undefined;
    if ((changed.type === 'file' ? changed.size : 0) !== fileSize) throw new Error(`${entry.path} of ${this.#subject} would lose its content`);
    this.#keeps = true;
    return writeHeader(block, changed) ? block : headerBlocks(changed);
  }

  #entry(block: Buffer, flag: string, size: number): Entry {
    const name = this.#path ?? nameAt(block);
    const path = cleanPath(name);
    const unsafe = path === '' ? 'has no name' : unsafePath(name);
    if (unsafe !== undefined) refuseEntry(this.#subject, name, unsafe);
    const mode = numberAt(block, 100) & 0o7777;
    switch (flag) {
      case '0':
        return { type: 'file', path, mode, uid: 0, gid: 0, mtime: FIXED_TIME, size: this.#size ?? size };
      case '5':
        return { type: 'directory', path, mode, uid: 0, gid: 0, mtime: FIXED_TIME };
      case '2':
        return { type: 'symlink', path, mode, uid: 0, gid: 0, mtime: FIXED_TIME, target: this.#target ?? textAt(block, 157, 257) };
      case '1':
        return { type: 'hardlink', path, mode, uid: 0, gid: 0, mtime: FIXED_TIME, target: cleanPath(this.#target ?? textAt(block, 157, 257)) };
      default:
        return refuseEntry(this.#subject, name, `is of unknown type ${JSON.stringify(flag)}`);
    }
  }

  #fillMeta(chunk: Buffer, at: number): number {
    const meta = this.#meta as Meta;
    const some = chunk.subarray(at, at + meta.body.length - meta.filled);
    meta.filled += some.copy(meta.body, meta.filled);
    if (meta.filled < meta.body.length) return some.length;
    this.#meta = undefined;
    const body = meta.body.subarray(0, meta.size);
    if (meta.flag !== 'x') {
      const text = textAt(body, 0, body.length);
      if (meta.flag === 'L') this.#path = text;
      else this.#target = text;
      return some.length;
    }
    const records = paxRecords(body);
    if (records === undefined) refuse(this.#subject, 'has a malformed pax header');
    this.#guard?.records(records);
    this.#path = records.get('path') ?? this.#path;
    this.#target = records.get('linkpath') ?? this.#target;
    const size = records.get('size');
    if (size !== undefined) this.#size = Number(size);
    return some.length;
  }
}

interface Meta {
  readonly flag: string;
  readonly body: Buffer;
  /** Bytes of `body` that are there. */
  filled: number;
  /** Of the body without its padding. */
  readonly size: number;
}

function nameAt(block: Buffer): string {
  const name = textAt(block, 0, 100);
  // GNU's header has other things there.
  return block[345] !== 0 && block[262] === 0 ? `${textAt(block, 345, 500)}/${name}` : name;
}

function textAt(block: Buffer, start: number, end: number): string {
  const nul = block.indexOf(0, start);
  return block.toString('utf8', start, nul < 0 || nul > end ? end : nul);
}

/** Octal, or base-256 where the first bit is set. */
function numberAt(block: Buffer, start: number): number {
  const end = start === 124 ? 136 : start + 8;
  let value = 0;
  if (((block[start] as number) & 0x80) !== 0) {
    for (let at = start + 1; at < end; at += 1) value = value * 256 + (block[at] as number);
    return value;
  }
  for (let at = start; at < end; at += 1) {
    const digit = (block[at] as number) - 0x30;
    if (digit >= 0 && digit < 8) value = value * 8 + digit;
    else if (value > 0) break;
  }
  return value;
}
