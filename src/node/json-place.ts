import type { Place } from '../core/place.js';

/**
 * Positions in JSON text, worked out only when something has to be reported: values are read by JSON.parse, which is
 * an order of magnitude faster than any parser that keeps offsets.
 */

/** Offset of the member (its key) or element at `path`; of the nearest enclosing one that exists when it is absent. */
export function offsetOf(text: string, path: readonly (string | number)[]): number {
  let offset = skipSpace(text, text.charCodeAt(0) === 0xfeff ? 1 : 0);
  let value = offset;
  for (const step of path) {
    let found: Member | undefined;
    for (const member of members(text, value)) {
      if (member.key !== step) continue;
      found = member; // JSON.parse keeps the last of several
    }
    if (!found) return offset;
    offset = found.at;
    value = found.value;
  }
  return offset;
}

/** Line and column (1-based, in UTF-16 units) of an offset. */
export function placeAt(file: string, text: string, offset: number): Place {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < offset; end = text.indexOf('\n', start)) {
    line++;
    start = end + 1;
  }
  return { file, line, column: offset - start + 1 };
}

/** Keys that occur more than once in the object at `path`, with the offsets of the first and the repeated one. */
export function duplicateKeys(text: string, path: readonly string[]): readonly Duplicate[] {
  let value = skipSpace(text, text.charCodeAt(0) === 0xfeff ? 1 : 0);
  for (const step of path) {
    const member = [...members(text, value)].find(({ key }) => key === step);
    if (!member) return [];
    value = member.value;
  }
  const seen = new Map<string | number, number>();
  const duplicates: Duplicate[] = [];
  for (const { key, at } of members(text, value)) {
    const first = seen.get(key);
    if (first === undefined) seen.set(key, at);
    else duplicates.push({ key: String(key), first, again: at });
  }
  return duplicates;
}

export interface Duplicate {
  readonly key: string;
  readonly first: number;
  readonly again: number;
}

/** Where text that JSON.parse refused stops being JSON, and what was expected there. */
export function syntaxError(text: string): { readonly offset: number; readonly expected: string } {
  const conflict = /^(?:<{7}|={7}|>{7})/m.exec(text);
  if (conflict) return { offset: conflict.index, expected: 'no merge conflict marker' };
  try {
    const end = skipSpace(text, check(text, skipSpace(text, text.charCodeAt(0) === 0xfeff ? 1 : 0)));
    return { offset: end, expected: 'nothing after the value' };
  } catch (error) {
    if (error instanceof Unexpected) return { offset: error.offset, expected: error.expected };
    throw error;
  }
}

interface Member {
  readonly key: string | number;
  /** Offset of the key, or of the element in an array. */
  readonly at: number;
  /** Offset of the value. */
  readonly value: number;
}

class Unexpected extends Error {
  constructor(readonly offset: number, readonly expected: string) {
    super(`expected ${expected}`);
  }
}

/** Members of the object or array at `offset`, in text known to be JSON; none for other values. */
function* members(text: string, offset: number): Generator<Member> {
  const open = text[offset];
  if (open !== '{' && open !== '[') return;
  let at = skipSpace(text, offset + 1);
  for (let index = 0; text[at] !== '}' && text[at] !== ']'; index++) {
    let key: string | number = index;
    let value = at;
    if (open === '{') {
      const end = skipString(text, at);
      key = JSON.parse(text.slice(at, end)) as string;
      value = skipSpace(text, skipSpace(text, end) + 1);
    }
    yield { key, at, value };
    at = skipSpace(text, skipValue(text, value));
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
}

function skipSpace(text: string, offset: number): number {
  for (;;) {
    const code = text.charCodeAt(offset);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return offset;
    offset++;
  }
}

/** End of the string that opens at `offset`. */
function skipString(text: string, offset: number): number {
  for (let end = text.indexOf('"', offset + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
  throw new Unexpected(text.length, 'the end of a string');
}

function skipValue(text: string, offset: number): number {
  let depth = 0;
  for (let at = offset; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = skipString(text, at);
      if (depth === 0) return at;
    } else if (code === 0x7b || code === 0x5b) {
      depth++;
      at++;
    } else if (code === 0x7d || code === 0x5d) {
      if (depth === 0) return at; // a bare scalar ended here
      at++;
      if (--depth === 0) return at;
    } else if (depth === 0 && code === 0x2c) {
      return at;
    } else {
      at++;
    }
  }
  return text.length;
}

const SCALAR = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** End of the value at `offset`; throws Unexpected at the first character that no JSON value can have there. */
function check(text: string, offset: number): number {
  const open = text[offset];
  if (open === '{' || open === '[') return checkMembers(text, offset, open);
  const pattern = open === '"' ? STRING : SCALAR;
  pattern.lastIndex = offset;
  const match = pattern.exec(text);
  if (!match) throw new Unexpected(offset, open === '"' ? 'a string without line breaks or bad escapes' : 'a value');
  return offset + match[0].length;
}

function checkMembers(text: string, offset: number, open: '{' | '['): number {
  const close = open === '{' ? '}' : ']';
  let at = skipSpace(text, offset + 1);
  if (text[at] === close) return at + 1;
  for (;;) {
    if (open === '{') {
      if (text[at] !== '"') throw new Unexpected(at, 'a key in double quotes');
      at = skipSpace(text, check(text, at));
      if (text[at] !== ':') throw new Unexpected(at, '":"');
      at = skipSpace(text, at + 1);
    }
    at = skipSpace(text, check(text, at));
    if (text[at] === close) return at + 1;
    if (text[at] !== ',') throw new Unexpected(at, `"," or "${close}"`);
    at = skipSpace(text, at + 1);
  }
}
