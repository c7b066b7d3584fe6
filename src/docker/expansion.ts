/** What a variable is: its value, `undefined` when it is surely unset, `unknown` when only the engine could tell. */
export type Lookup = (name: string) => string | undefined | typeof UNKNOWN;
export const UNKNOWN = Symbol('unknown');

export interface Expanded {
  readonly text: string;
  /** False if the text depends on a variable whose value can't be known here. */
  readonly known: boolean;
  /** Names of variables that were looked up. */
  readonly names: readonly string[];
}

/** A substitution that is not valid; `index` is where in the word. */
export class ExpansionError extends Error {
  constructor(message: string, readonly index: number) {
    super(message);
    this.name = 'ExpansionError';
  }
}

/**
 * Expands one word as BuildKit's Dockerfile frontend does: `$x`, `${x}`, `${x:-y}`, `${x-y}`, `${x:+y}`, `${x+y}`,
 * `${x:?y}`, `${x?y}`, `${x#p}`, `${x##p}`, `${x%p}`, `${x%%p}`, `${x/p/r}`, `${x//p/r}`; single quotes keep everything,
 * double quotes expand, the escape character takes the next one literally; quotes are removed. With `quotes: 'keep'` they are
 * ordinary characters, as in here-documents.
 */
export function expand(word: string, lookup: Lookup, escape: '\\' | '`' = '\\', { quotes = 'remove' }: { readonly quotes?: 'remove' | 'keep' } = {}): Expanded {
  const run = new Expansion(word, lookup, { escape, quotes });
  const text = run.until('');
  return { text, known: run.known, names: run.names };
}

class Expansion {
  known = true;
  readonly names: string[] = [];
  readonly #plainQuotes: boolean;
  #at = 0;

  constructor(
    private readonly word: string,
    private readonly lookup: Lookup,
    { escape, quotes }: { readonly escape: string; readonly quotes: 'remove' | 'keep' },
  ) {
    this.escape = escape;
    this.#plainQuotes = quotes === 'keep';
  }

  private readonly escape: string;

  /** Reads to the stop character (left unread) or the end. */
  until(stop: string): string {
    let text = '';
    while (this.#at < this.word.length) {
      const char = this.word[this.#at]!;
      if (stop !== '' && char === stop) return text;
      if (char === "'" && !this.#plainQuotes) text += this.#singleQuoted();
      else if (char === '"' && !this.#plainQuotes) text += this.#doubleQuoted();
      else if (char === '$') text += this.#dollar();
      else if (char === this.escape) {
        this.#at += 1;
        if (this.#at >= this.word.length) break;
        text += this.word[this.#at++]!;
      } else {
        text += char;
        this.#at += 1;
      }
    }
    if (stop !== '') throw new ExpansionError(`a ${stop} is missing`, this.#at);
    return text;
  }

  #singleQuoted(): string {
    const start = this.#at;
    const end = this.word.indexOf("'", start + 1);
    if (end === -1) throw new ExpansionError('a single quote is not closed', start);
    this.#at = end + 1;
    return this.word.slice(start + 1, end);
  }

  #doubleQuoted(): string {
    const start = this.#at++;
    let text = '';
    for (;;) {
      const char = this.word[this.#at];
      if (char === undefined) throw new ExpansionError('a double quote is not closed', start);
      if (char === '"') {
        this.#at += 1;
        return text;
      }
      if (char === '$') {
        text += this.#dollar();
        continue;
      }
      this.#at += 1;
      if (char === this.escape) {
        const next = this.word[this.#at];
        if (next === undefined) throw new ExpansionError('a double quote is not closed', start);
        // In double quotes only these three can be escaped.
        text += next === '"' || next === '$' || next === this.escape ? next : char + next;
        this.#at += 1;
        continue;
      }
      text += char;
    }
  }

  #dollar(): string {
    const start = this.#at++;
    if (this.word[this.#at] !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.#value(name) ?? '');
    }
    this.#at += 1;
    const name = this.#name();
    if (name === '') throw new ExpansionError('a variable name is missing after ${', start);
    const char = this.word[this.#at];
    if (char === '}') {
      this.#at += 1;
      return this.#value(name) ?? '';
    }
    const value = this.#value(name);
    const text = this.#modified(name, value, start);
    if (this.word[this.#at] !== '}') throw new ExpansionError('a } is missing', start);
    this.#at += 1;
    return text;
  }

  #modified(name: string, value: string | undefined, start: number): string {
    let modifier = this.word[this.#at++] ?? '';
    let emptyIsUnset = false;
    if (modifier === ':') {
      emptyIsUnset = true;
      modifier = this.word[this.#at++] ?? '';
    }
    const set = value !== undefined && !(emptyIsUnset && value === '');
    if (modifier === '-' || modifier === '+' || modifier === '?') {
      const rest = this.until('}');
      if (modifier === '-') return set ? value : rest;
      if (modifier === '+') return set ? rest : '';
      if (!set) throw new ExpansionError(rest === '' ? `${name} is not set` : `${name}: ${rest}`, start);
      return value;
    }
    if (emptyIsUnset || !['#', '%', '/'].includes(modifier)) {
      throw new ExpansionError(`unsupported modifier in \${${name}…}`, start);
    }
    const doubled = this.word[this.#at] === modifier;
    if (doubled) this.#at += 1;
    if (modifier === '/') return this.#replaced(value ?? '', doubled);
    const pattern = this.#pattern('}');
    return modifier === '#' ? withoutPrefix(value ?? '', pattern, doubled) : withoutSuffix(value ?? '', pattern, doubled);
  }

  #replaced(value: string, all: boolean): string {
    const pattern = this.#pattern('/');
    if (this.word[this.#at] !== '/') throw new ExpansionError('a / is missing in the replacement', this.#at);
    this.#at += 1;
    const replacement = this.until('}');
    const regex = new RegExp(shellPattern(pattern, true), all ? 'gsu' : 'su');
    return value.replace(regex, () => replacement);
  }

  /** A shell pattern up to the stop character; escapes stay, since they belong to the pattern. */
  #pattern(stop: string): string {
    let text = '';
    while (this.#at < this.word.length && this.word[this.#at] !== stop) {
      const char = this.word[this.#at]!;
      if (char === '$') {
        text += this.#dollar();
      } else if (char === this.escape) {
        text += `\\${this.word[this.#at + 1] ?? ''}`;
        this.#at += 2;
      } else {
        text += char;
        this.#at += 1;
      }
    }
    return text;
  }

  #name(): string {
    const rest = this.word.slice(this.#at);
    const match = /^(?:\p{Nd}+|[\p{L}_][\p{L}\p{Nd}_]*|[@*#?$!-])/u.exec(rest);
    const name = match?.[0] ?? '';
    this.#at += name.length;
    return name;
  }

  #value(name: string): string | undefined {
    this.names.push(name);
    const value = this.lookup(name);
    if (value === UNKNOWN) {
      this.known = false;
      return undefined;
    }
    return value;
  }
}

function withoutPrefix(value: string, pattern: string, greedy: boolean): string {
  const match = new RegExp(`^(?:${shellPattern(pattern, greedy)})`, 'su').exec(value);
  return match === null ? value : value.slice(match[0].length);
}

function withoutSuffix(value: string, pattern: string, greedy: boolean): string {
  const regex = new RegExp(`^(?:${shellPattern(pattern, greedy)})$`, 'su');
  const starts = Array.from({ length: value.length + 1 }, (_, index) => index);
  const start = (greedy ? starts : starts.reverse()).find((index) => regex.test(value.slice(index)));
  return start === undefined ? value : value.slice(0, start);
}

/** `*` and `?` of a shell pattern, which match any character here; the rest is literal. */
function shellPattern(pattern: string, greedy: boolean): string {
  let regex = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at]!;
    if (char === '*') regex += greedy ? '.*' : '.*?';
    else if (char === '?') regex += '.';
    else if (char === '\\' && at + 1 < pattern.length) regex += literal(pattern[++at]!);
    else regex += literal(char);
  }
  return regex;
}

function literal(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
