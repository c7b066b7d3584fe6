import type { Entry } from './entry.js';
import { encodePaxRecord } from './pax.js';

export const BLOCK = 512;
/** Two zero blocks. */
export const END_OF_TAR: Buffer = Buffer.alloc(2 * BLOCK);

/** Zero bytes that follow a content of this size. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

const TYPE = { file: 0x30, hardlink: 0x31, symlink: 0x32, directory: 0x35 } as const;
const MAX_OCTAL_11 = 0o77777777777;
const MAX_OCTAL_7 = 0o7777777;
const MAGIC = 'ustar\x0000';
const ASCII = /^[\x01-\x7f]*$/;

/**
 * The header of an entry: one ustar block, or pax blocks before it where ustar can't hold a value (long or non-ASCII
 * names, sizes from 8 GiB, owners above 2097151, times before 1970). Numeric owner, no names, nothing else varies.
 */
export function encodeHeader(entry: Entry): Buffer {
  const size = entry.type === 'file' ? entry.size : 0;
  const name = entry.type === 'directory' ? `${entry.path}/` : entry.path;
  const target = entry.type === 'symlink' || entry.type === 'hardlink' ? entry.target : '';
  const split = ASCII.test(name) ? splitName(name) : undefined;
  const targetFits = target.length <= 100 && ASCII.test(target);
  const numbersFit = size <= MAX_OCTAL_11 && entry.uid <= MAX_OCTAL_7 && entry.gid <= MAX_OCTAL_7 && entry.mtime >= 0 && entry.mtime <= MAX_OCTAL_11;
  if (split === undefined || !targetFits || !numbersFit) return encodeWithPax(entry, { name, target, size });
  const { mode, uid, gid, mtime } = entry;
  const block = Buffer.alloc(BLOCK);
  writeBlock(block, { name: split.name, prefix: split.prefix, target, size, type: TYPE[entry.type], mode, uid, gid, mtime });
  return block;
}

interface Fields {
  readonly name: string;
  readonly prefix: string;
  readonly target: string;
  readonly size: number;
  readonly type: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
}

function encodeWithPax(entry: Entry, value: { name: string; target: string; size: number }): Buffer {
  const records: Buffer[] = [];
  const shortName = ASCII.test(value.name) ? splitName(value.name) : undefined;
  if (shortName === undefined) records.push(encodePaxRecord('path', value.name));
  const shortTarget = value.target.length <= 100 && ASCII.test(value.target);
  if (!shortTarget) records.push(encodePaxRecord('linkpath', value.target));
  if (value.size > MAX_OCTAL_11) records.push(encodePaxRecord('size', String(value.size)));
  if (entry.uid > MAX_OCTAL_7) records.push(encodePaxRecord('uid', String(entry.uid)));
  if (entry.gid > MAX_OCTAL_7) records.push(encodePaxRecord('gid', String(entry.gid)));
  if (entry.mtime < 0 || entry.mtime > MAX_OCTAL_11) records.push(encodePaxRecord('mtime', String(entry.mtime)));
  const body = Buffer.concat(records);
  const blocks = Buffer.alloc(BLOCK + body.length + padding(body.length) + BLOCK);
  const mtime = Math.min(Math.max(entry.mtime, 0), MAX_OCTAL_11);
  writeBlock(blocks, { name: 'PaxHeader', prefix: '', target: '', size: body.length, type: 0x78, mode: 0o644, uid: 0, gid: 0, mtime });
  body.copy(blocks, BLOCK);
  writeBlock(blocks.subarray(blocks.length - BLOCK), {
    name: shortName?.name ?? stand(value.name),
    prefix: shortName?.prefix ?? '',
    target: shortTarget ? value.target : stand(value.target),
    size: value.size > MAX_OCTAL_11 ? 0 : value.size,
    type: TYPE[entry.type],
    mode: entry.mode,
    uid: entry.uid > MAX_OCTAL_7 ? 0 : entry.uid,
    gid: entry.gid > MAX_OCTAL_7 ? 0 : entry.gid,
    mtime,
  });
  return blocks;
}

/** What readers without pax see: printable and short. */
function stand(name: string): string {
  const shown = name.replace(/[^\x20-\x7e]/g, '_').slice(-100);
  return shown.startsWith('/') ? shown.slice(1) : shown;
}

/** ustar's two name fields (prefix 155, name 100 bytes); undefined if an ASCII name fits neither way. */
function splitName(name: string): { readonly name: string; readonly prefix: string } | undefined {
  if (name.length <= 100) return { name, prefix: '' };
  if (name.length > 256) return undefined;
  // The trailing slash of a folder must stay with its name.
  const slash = name.lastIndexOf('/', Math.min(155, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > 100) return undefined;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}

function writeBlock(block: Buffer, fields: Fields): void {
  block.write(fields.name, 0, 'latin1');
  octal(block, 100, 7, fields.mode & 0o7777);
  octal(block, 108, 7, fields.uid);
  octal(block, 116, 7, fields.gid);
  octal(block, 124, 11, fields.size);
  octal(block, 136, 11, fields.mtime);
  block[156] = fields.type;
  if (fields.target !== '') block.write(fields.target, 157, 'latin1');
  block.write(MAGIC, 257, 'latin1');
  octal(block, 329, 7, 0);
  octal(block, 337, 7, 0);
  if (fields.prefix !== '') block.write(fields.prefix, 345, 'latin1');
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at += 1) sum += block[at] as number;
  octal(block, 148, 6, sum);
  block[155] = 0x20;
}

/** `digits` octal digits; the NUL after them is there already. */
function octal(block: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let digit = at + digits - 1; digit >= at; digit -= 1) {
    block[digit] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}
