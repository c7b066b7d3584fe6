import { isUtf8 } from 'node:buffer';
import { BLOCK } from './tar-encode.js';

/** One header block as written, before pax and GNU long names are applied. */
export interface Block {
  /** Type flag as a character; NUL counts as `0`. */
  readonly type: string;
  /** Undefined if not UTF-8, as in the cut short name that stands before a long one. */
  readonly name: string | undefined;
  readonly target: string | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
}

/** Decodes v7, ustar, GNU and pax blocks. A string says what is wrong; undefined is a zero block (end of archive). */
export function decodeBlock(block: Buffer): Block | string | undefined {
  const sums = checksums(block);
  const recorded = number(block, 148, 8);
  if (recorded !== sums.unsigned && recorded !== sums.signed) {
    if (sums.unsigned === 8 * 0x20 && isZero(block)) return undefined;
    return 'has a header with a wrong checksum';
  }
  const posix = block.toString('latin1', 257, 263) === 'ustar\0';
  const name = text(block, 0, 100);
  const target = text(block, 157, 257);
  const prefix = posix && block[345] !== 0 ? text(block, 345, 500) : '';
  const fullName = name === undefined || prefix === undefined ? undefined : prefix === '' ? name : `${prefix}/${name}`;
  const values = { mode: number(block, 100, 8), uid: number(block, 108, 8), gid: number(block, 116, 8), size: number(block, 124, 12), mtime: number(block, 136, 12) };
  if (values.size === undefined || values.size < 0) return 'has a header with a bad size';
  if (values.mode === undefined || values.uid === undefined || values.gid === undefined || values.mtime === undefined) return 'has a header with a bad number';
  return {
    type: block[156] === 0 ? '0' : String.fromCharCode(block[156] as number),
    name: fullName,
    target,
    mode: values.mode & 0o7777,
    uid: values.uid,
    gid: values.gid,
    mtime: values.mtime,
    size: values.size,
  };
}

/** A NUL-terminated field as text; undefined if it is not UTF-8. */
export function text(block: Buffer, start: number, end: number): string | undefined {
  let stop = start;
  let ascii = true;
  while (stop < end && block[stop] !== 0) {
    if ((block[stop] as number) > 0x7f) ascii = false;
    stop += 1;
  }
  if (ascii) return block.toString('latin1', start, stop);
  const bytes = block.subarray(start, stop);
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

/** Octal with spaces or NULs around it, or GNU base-256; blank is 0; undefined if it is neither or not a safe integer. */
function number(block: Buffer, start: number, length: number): number | undefined {
  const first = block[start] as number;
  if (first >= 0x80) return base256(block, start, length);
  let at = start;
  const end = start + length;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at += 1;
  let value = 0;
  for (; at < end; at += 1) {
    const byte = block[at] as number;
    if (byte === 0 || byte === 0x20) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + (byte - 0x30);
  }
  return value;
}

function base256(block: Buffer, start: number, length: number): number | undefined {
  const negative = block[start] === 0xff;
  let value = negative ? -1 : (block[start] as number) & 0x7f;
  for (let at = start + 1; at < start + length; at += 1) value = value * 256 + (block[at] as number);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Old writers summed signed bytes. */
function checksums(block: Buffer): { readonly unsigned: number; readonly signed: number } {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let at = 0; at < BLOCK; at += 1) {
    if (at === 148) at = 156;
    const byte = block[at] as number;
    unsigned += byte;
    if (byte > 0x7f) high += 1;
  }
  return { unsigned, signed: unsigned - 256 * high };
}

function isZero(block: Buffer): boolean {
  for (let at = 0; at < BLOCK; at += 1) if (block[at] !== 0) return false;
  return true;
}
