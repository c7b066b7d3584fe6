import { parseShellPattern, replaceMatches, withoutPrefix, withoutSuffix } from './shell-pattern.js';

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

/** Nobody means this; without a bound the stack would end somewhere. */
const DEEPEST = 200;

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
  #depth = 0;

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
    if ((this.#depth += 1) > DEEPEST) throw new ExpansionError(`more than ${DEEPEST} variables lie within each other`, start);
    const text = this.#followed(name, value, start);
    this.#depth -= 1;
    return text;
  }

  /** What the modifier makes of the value. */
  #followed(name: string, value: string | undefined, start: number): string {
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
    const pattern = parseShellPattern(this.#pattern('}'));
    return modifier === '#' ? withoutPrefix(value ?? '', pattern, doubled) : withoutSuffix(value ?? '', pattern, doubled);
  }

  #replaced(value: string, all: boolean): string {
    const pattern = this.#pattern('/');
    if (this.word[this.#at] !== '/') throw new ExpansionError('a / is missing in the replacement', this.#at);
    this.#at += 1;
    const replacement = this.until('}');
    return replaceMatches(value, parseShellPattern(pattern), { replacement, all });
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
