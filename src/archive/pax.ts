import { isUtf8 } from 'node:buffer';

/**
 * The records of a pax extended header (POSIX.1: `<length> <keyword>=<value>\n`), read strictly: tar-stream gives what it
 * understands of a malformed one. Undefined if it is malformed, or if a value that we use is not UTF-8 (xattrs are binary).
 */
export function paxRecords(bytes: Buffer): Map<string, string> | undefined {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    // Some writers pad with NULs inside the recorded size.
    if (space < 0) return bytes.subarray(at).every((byte) => byte === 0) ? records : undefined;
    const digits = bytes.toString('latin1', at, space);
    const end = at + Number(digits);
    if (!/^[1-9][0-9]{0,9}$/.test(digits) || end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) return undefined;
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

const USED = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'mtime']);
