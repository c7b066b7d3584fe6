import { offsetIn, type Word } from './option-words.js';
import type { LogicalLine } from './requirement-lines.js';
import type { SourceUrl } from './requirement.js';
import { parseHash, SHA256, withoutCredentials } from './source-url.js';
import { SyntaxFault } from './syntax.js';

export function optionUrl(word: Word, line: LogicalLine): SourceUrl {
  return { url: word.text, shown: withoutCredentials(shownWord(word, line, [0, word.text.length])) };
}

const HASHES = /(?:--hash=sha256:[0-9a-f]{64}(?:[ \t]+|$))+$/y;

/** The hashes from an offset of a line on, if there is nothing else: what nearly all lines of a lock are, which have thousands. */
export function onlyHashes(line: string, start: number): readonly string[] | undefined {
  HASHES.lastIndex = start;
  return HASHES.test(line) ? (line.slice(start).match(/sha256:[0-9a-f]{64}/g) ?? undefined) : undefined;
}

export function hashOf(word: Word): string {
  // Files have thousands of these.
  if (SHA256.test(word.text)) return word.text;
  const hash = parseHash(word.text);
  const offset = word.start;
  if (hash === undefined || !word.text.includes(':')) throw new SyntaxFault('a hash is an algorithm and a hex digest of its length, as in --hash=sha256:<64 digits>', offset);
  if (!/^sha(?:256|384|512):/.test(hash)) throw new SyntaxFault('hash algorithms allowed here are sha256, sha384 and sha512', offset);
  return hash;
}

export function settingOf(word: Word): readonly [string, string] {
  const [, name, value] = /^([^=]*)=(.*)$/s.exec(word.text) ?? [];
  if (name === undefined || value === undefined) throw new SyntaxFault('--config-settings needs NAME=VALUE', word.start);
  return [name, value];
}

/** Moves the offset of a fault from the word to the line. */
export function inWord<T>(word: Word, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof SyntaxFault ? new SyntaxFault(error.message, offsetIn(word, Math.min(error.offset, word.text.length))) : error;
  }
}

/** The part of a word with `${NAME}` instead of values; quotes and backslashes between its characters are left out. */
export function shownWord(word: Word, line: LogicalLine, [start, end]: readonly [number, number]): string {
  if (!line.hasVariable(offsetIn(word, start), offsetIn(word, end))) return word.text.slice(start, end);
  let result = '';
  for (let index = start; index < end; index++) {
    const offset = offsetIn(word, index);
    if (!line.hasVariable(offset, offset + 1)) result += word.text[index] as string;
    else if (index === start || !sameVariable(line, offsetIn(word, index - 1), offset)) result += line.shown(offset, offset + 1);
  }
  return result;
}

function sameVariable(line: LogicalLine, before: number, offset: number): boolean {
  const [a, b] = [line.place(before), line.place(offset)];
  return line.hasVariable(before, before + 1) && a.line === b.line && a.column === b.column;
}
