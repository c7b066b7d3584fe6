import { SyntaxFault } from './syntax.js';

/** One word of the options of a line, quotes removed. */
export interface Word {
  readonly text: string;
  /** Offset in the line. */
  readonly start: number;
  /** Offset in the line of each character of `text`, only where quotes or backslashes stand between them. */
  readonly offsets?: readonly number[];
}

/** Where a character of the word is in the line; its end for the index after the last. */
export function offsetIn(word: Word, index: number): number {
  if (word.offsets === undefined) return word.start + index;
  return word.offsets[Math.min(index, word.offsets.length - 1)] ?? word.start;
}

/** The word from a character on. */
export function wordFrom(word: Word, index: number): Word {
  const text = word.text.slice(index);
  return word.offsets === undefined ? { text, start: word.start + index } : { text, start: offsetIn(word, index), offsets: word.offsets.slice(index) };
}

/** Offset in a line where the options start: at the first `-` that begins a word. pip splits at single spaces only. */
export function optionsStart(line: string): number {
  if (line.startsWith('-')) return 0;
  const found = line.indexOf(' -');
  return found === -1 ? line.length : found + 1;
}

const PLAIN = /[^ \t\r\n'"\\]+/y;
const SPACE = /[ \t\r\n]+/y;

/** Splits like Python's `shlex.split` (POSIX rules, no comments), from an offset on; throws SyntaxFault. */
export function splitWords(line: string, start: number): readonly Word[] {
  const words: Word[] = [];
  let position = start;
  while (position < line.length) {
    SPACE.lastIndex = position;
    if (SPACE.test(line)) {
      position = SPACE.lastIndex;
      continue;
    }
    PLAIN.lastIndex = position;
    const end = PLAIN.test(line) ? PLAIN.lastIndex : position;
    if (end === line.length || isSpace(line[end] as string)) {
      words.push({ text: line.slice(position, end), start: position });
      position = end;
    } else {
      const { word, next } = readWord(line, position);
      words.push(word);
      position = next;
    }
  }
  return words;
}

/** A word with quotes or backslashes in it. */
function readWord(line: string, start: number): { readonly word: Word; readonly next: number } {
  let text = '';
  const offsets: number[] = [];
  const add = (character: string, offset: number): void => {
    text += character;
    offsets.push(offset);
  };
  let position = start;
  while (position < line.length && !isSpace(line[position] as string)) {
    const character = line[position] as string;
    if (character === '\\') {
      if (position + 1 >= line.length) throw new SyntaxFault('a backslash with nothing after it', position);
      add(line[position + 1] as string, position + 1);
      position += 2;
    } else if (character === "'" || character === '"') {
      position = readQuoted(line, position, add);
    } else {
      add(character, position++);
    }
  }
  return { word: { text, start, offsets: [...offsets, position] }, next: position };
}

/** In double quotes a backslash is special before a double quote and a backslash only. */
function readQuoted(line: string, start: number, add: (character: string, offset: number) => void): number {
  const quote = line[start] as string;
  for (let position = start + 1; position < line.length; position++) {
    const character = line[position] as string;
    if (character === quote) return position + 1;
    const next = line[position + 1];
    if (character === '\\' && quote === '"' && (next === '"' || next === '\\')) position++;
    add(line[position] as string, position);
  }
  throw new SyntaxFault('this quotation is never closed', start);
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\t' || character === '\r' || character === '\n';
}
