import { isUtf8 } from 'node:buffer';

/**
 * Reads the records of a pax extended header (POSIX.1: `<length> <keyword>=<value>\n`). Undefined if it is malformed or
 * not UTF-8 (values of keywords that we don't use may be binary: xattrs).
 */
export function decodePax(bytes: Buffer): Map<string, string> | undefined {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    if (space < 0) return allZero(bytes, at) ? records : undefined;
    const digits = bytes.toString('latin1', at, space);
    const end = at + Number(digits);
    if (!/^[0-9]{1,10}$/.test(digits) || end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) return undefined;
    const equals = bytes.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end) return undefined;
    const keyword = bytes.toString('latin1', space + 1, equals);
    const value = bytes.subarray(equals + 1, end - 1);
    if (USED.has(keyword) && !isUtf8(value)) return undefined;
    records.set(keyword, value.toString('utf8'));
    at = end;
  }
  return records;
}

const USED = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'mtime', 'hdrcharset']);

/** Some writers pad with NULs inside the recorded size. */
function allZero(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

/** One record; its length counts itself. */
export function encodePaxRecord(keyword: string, value: string): Buffer {
  const rest = Buffer.byteLength(keyword) + Buffer.byteLength(value) + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.from(`${length} ${keyword}=${value}\n`);
}
