import type { Entry } from './entry.js';
import { BLOCK, padding } from './tar-block.js';

const FLAG = { file: 0x30, hardlink: 0x31, symlink: 0x32, directory: 0x35 } as const;
const PAX = 0x78;
const NAME = 100;
const PREFIX = 155;
/** What the fields of a ustar header have room for. */
const MAX_SIZE = 0o77777777777;
const MAX_OWNER = 0o7777777;
const ASCII = /^[\x01-\x7f]*$/;
const SPACE = 0x20;

/** Everything that all headers have in common. */
const TEMPLATE = (() => {
  const block = Buffer.alloc(BLOCK);
  for (const [at, digits] of [[100, 7], [108, 7], [116, 7], [124, 11], [136, 11], [329, 7], [337, 7]] as const) block.fill(0x30, at, at + digits);
  block.fill(SPACE, 148, 156);
  block.write('ustar\x0000', 257, 'latin1');
  return block;
})();
const TEMPLATE_SUM = TEMPLATE.reduce((sum, byte) => sum + byte, 0);

/**
 * Writes the ustar header of an entry (POSIX.1, numeric owner, no names; the very bytes of Go's archive/tar, so that an engine's tar
 * of the same tree may be the same) over one block, whatever was there. False, and
 * nothing is written, if the entry does not fit into a single block: then see `headerBlocks`.
 */
export function writeHeader(block: Buffer, entry: Entry): boolean {
  const { mtime } = entry;
  const target = targetOf(entry);
  if (!fitsNumbers(entry) || target.length > NAME || mtime < 0 || mtime > MAX_SIZE || !ASCII.test(target)) return false;
  const path = nameOf(entry);
  const name = ASCII.test(path) ? splitName(path) : undefined;
  if (name === undefined) return false;
  // Without spread, which would cost more than all the rest.
  const { mode, uid, gid } = entry;
  fill(block, { flag: FLAG[entry.type], mode, uid, gid, mtime, size: sizeOf(entry), name: name.name, prefix: name.prefix, target });
  return true;
}

/** The blocks before an entry's content: its header, behind a pax header where ustar has no room for it. */
export function headerBlocks(entry: Entry): Buffer {
  const block = Buffer.allocUnsafe(BLOCK);
  if (writeHeader(block, entry)) return block;
  const body = Buffer.concat(paxRecords(entry));
  const pax = Buffer.allocUnsafe(BLOCK);
  fill(pax, { flag: PAX, mode: 0, uid: 0, gid: 0, mtime: 0, size: body.length, name: paxName(nameOf(entry)), prefix: '', target: '' });
  // Go has no device numbers in it.
  pax.fill(0, 329, 345);
  checksum(pax, pax.subarray(0, 148).reduce(plus, 0) + 8 * SPACE + pax.subarray(156).reduce(plus, 0));
  fill(block, {
    flag: FLAG[entry.type], mode: entry.mode, uid: within(entry.uid, MAX_OWNER), gid: within(entry.gid, MAX_OWNER), mtime: within(entry.mtime, MAX_SIZE),
    size: within(sizeOf(entry), MAX_SIZE), name: plain(nameOf(entry)), prefix: '', target: plain(targetOf(entry)),
  });
  return Buffer.concat([pax, body, Buffer.alloc(padding(body.length)), block]);
}

interface Fields {
  readonly flag: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
  readonly name: string;
  readonly prefix: string;
  readonly target: string;
}

/** The checksum is summed up on the way: this runs for every file of an image. */
function fill(block: Buffer, { flag, mode, uid, gid, mtime, size, name, prefix, target }: Fields): void {
  TEMPLATE.copy(block);
  block[156] = flag;
  const text = put(block, 0, name) + put(block, 157, target) + put(block, 345, prefix);
  const numbers = octal(block, 106, mode) + octal(block, 114, uid) + octal(block, 122, gid) + octal(block, 134, size) + octal(block, 146, mtime);
  checksum(block, TEMPLATE_SUM + flag + text + numbers);
}

function plus(sum: number, byte: number): number {
  return sum + byte;
}

function checksum(block: Buffer, sum: number): void {
  block.fill(0x30, 148, 154);
  block[154] = 0;
  octal(block, 153, sum);
}

/** Single bytes; gives their sum. */
function put(block: Buffer, at: number, text: string): number {
  let sum = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    block[at + index] = code;
    sum += code;
  }
  return sum;
}

/** Right-aligned, over zeros that are there; gives what the digits are more than those. */
function octal(block: Buffer, last: number, value: number): number {
  let sum = 0;
  for (let at = last, left = value; left > 0; at -= 1, left = Math.floor(left / 8)) {
    const digit = left % 8;
    block[at] = 0x30 + digit;
    sum += digit;
  }
  return sum;
}

/** As much into the prefix as it has room for. */
function splitName(path: string): { readonly name: string; readonly prefix: string } | undefined {
  if (path.length <= NAME) return { name: path, prefix: '' };
  const slash = path.lastIndexOf('/', Math.min(PREFIX, path.length - 2));
  if (slash < 1 || path.length - slash - 1 > NAME) return undefined;
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

/** `a/b` → `a/PaxHeaders.0/b`: what readers without pax call the records. */
function paxName(path: string): string {
  const clean = path.replace(/\/$/, '');
  const slash = clean.lastIndexOf('/') + 1;
  return plain(path.endsWith('/') ? `${clean}/PaxHeaders.0` : `${clean.slice(0, slash)}PaxHeaders.0/${clean.slice(slash)}`);
}

/** Sorted by keyword. */
function paxRecords(entry: Entry): Buffer[] {
  const records: Buffer[] = [];
  const add = (keyword: string, value: string): void => {
    const rest = Buffer.from(` ${keyword}=${value}\n`);
    // The length counts its own digits.
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    records.push(Buffer.from(String(length)), rest);
  };
  const path = nameOf(entry);
  const target = targetOf(entry);
  if (entry.gid > MAX_OWNER) add('gid', String(entry.gid));
  if (target.length > NAME || !ASCII.test(target)) add('linkpath', target);
  if (entry.mtime < 0 || entry.mtime > MAX_SIZE) add('mtime', String(entry.mtime));
  if (path.length > NAME || !ASCII.test(path)) add('path', path);
  if (sizeOf(entry) > MAX_SIZE) add('size', String(sizeOf(entry)));
  if (entry.uid > MAX_OWNER) add('uid', String(entry.uid));
  return records;
}

function fitsNumbers(entry: Entry): boolean {
  return entry.uid <= MAX_OWNER && entry.gid <= MAX_OWNER && sizeOf(entry) <= MAX_SIZE;
}

function sizeOf(entry: Entry): number {
  return entry.type === 'file' ? entry.size : 0;
}

function nameOf(entry: Entry): string {
  return entry.type === 'directory' ? `${entry.path}/` : entry.path;
}

function targetOf(entry: Entry): string {
  return entry.type === 'symlink' || entry.type === 'hardlink' ? entry.target : '';
}

function within(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

/** For readers without pax. */
function plain(name: string): string {
  const ascii = name.replace(/[^\x01-\x7f]/g, '');
  return ascii.length > NAME ? ascii.slice(0, NAME).replace(/\/+$/, '') : ascii;
}
