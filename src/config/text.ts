import type { Problem } from '../core/failure.js';

/** Decodes a project file: UTF-8 with or without a byte order mark, no control characters. */
export function decodeText(bytes: Buffer, file: string, report: (problem: Problem) => void): string | undefined {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    report({ reason: 'config', message: 'the file is UTF-16', place: { file, line: 1, column: 1 }, advice: 'Save it as UTF-8' });
    return undefined;
  }
  let text: string;
  try {
    // The decoder drops a byte order mark, so columns of the first line count what the user sees.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    report({ reason: 'config', message: 'the file is not UTF-8', place: firstBadByte(bytes, file), advice: 'Save it as UTF-8' });
    return undefined;
  }
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.exec(text);
  if (!control) return text;
  const before = text.slice(0, control.index).split('\n');
  const code = control[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase();
  const place = { file, line: before.length, column: before.at(-1)!.length + 1 };
  report({ reason: 'config', message: `the file has the control character U+${code}`, place, advice: 'Remove it' });
  return undefined;
}

/** Where the first byte is that is not part of a UTF-8 sequence. */
function firstBadByte(bytes: Buffer, file: string): { file: string; line: number; column: number } {
  let start = 0;
  let line = 1;
  for (; ; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const column = validPrefix(bytes.subarray(start, end));
    if (column !== undefined || newline < 0) return { file, line, column: (column ?? 0) + 1 };
    start = end + 1;
  }
}

/** Length in UTF-16 units of the valid text before the first bad byte; undefined if all of it is valid. */
function validPrefix(line: Buffer): number | undefined {
  const lossy = line.toString('utf8');
  if (Buffer.from(lossy, 'utf8').equals(line)) return undefined;
  for (let at = lossy.indexOf('\uFFFD'); at >= 0; at = lossy.indexOf('\uFFFD', at + 1)) {
    const prefix = Buffer.from(lossy.slice(0, at + 1), 'utf8');
    if (!line.subarray(0, prefix.length).equals(prefix)) return at;
  }
  return undefined;
}
