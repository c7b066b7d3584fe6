import type { Word } from './option-words.js';
import { wordFrom } from './option-words.js';
import { SyntaxFault } from './syntax.js';

/** The options that pip knows in requirement files, by their first long name. */
export type OptionName =
  | '--index-url'
  | '--extra-index-url'
  | '--no-index'
  | '--constraint'
  | '--requirement'
  | '--editable'
  | '--find-links'
  | '--no-binary'
  | '--only-binary'
  | '--prefer-binary'
  | '--require-hashes'
  | '--pre'
  | '--trusted-host'
  | '--use-feature'
  | '--global-option'
  | '--hash'
  | '--config-settings';

export interface Option {
  readonly name: OptionName;
  /** Absent for flags. */
  readonly value?: Word;
  /** Offset in the line. */
  readonly offset: number;
}

export interface ParsedOptions {
  readonly options: readonly Option[];
  /** Words that belong to no option; pip ignores them silently. */
  readonly rest: readonly Word[];
}

const LONG: Readonly<Record<string, OptionName>> = {
  '--index-url': '--index-url',
  '--pypi-url': '--index-url',
  '--extra-index-url': '--extra-index-url',
  '--no-index': '--no-index',
  '--constraint': '--constraint',
  '--requirement': '--requirement',
  '--editable': '--editable',
  '--find-links': '--find-links',
  '--no-binary': '--no-binary',
  '--only-binary': '--only-binary',
  '--prefer-binary': '--prefer-binary',
  '--require-hashes': '--require-hashes',
  '--pre': '--pre',
  '--trusted-host': '--trusted-host',
  '--use-feature': '--use-feature',
  '--global-option': '--global-option',
  '--hash': '--hash',
  '--config-settings': '--config-settings',
};

const SHORT: Readonly<Record<string, OptionName>> = {
  i: '--index-url',
  c: '--constraint',
  r: '--requirement',
  e: '--editable',
  f: '--find-links',
  C: '--config-settings',
};

const FLAGS: ReadonlySet<OptionName> = new Set<OptionName>(['--no-index', '--prefer-binary', '--require-hashes', '--pre']);

/**
 * Reads options as Python's optparse does: `--name value`, `--name=value`, unambiguous beginnings of long names, `-rFILE`,
 * `--` as the end of options. Throws SyntaxFault.
 */
export function parseOptions(words: readonly Word[]): ParsedOptions {
  const options: Option[] = [];
  const rest: Word[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as Word;
    if (word.text === '--') return { options, rest: [...rest, ...words.slice(index + 1)] };
    if (!word.text.startsWith('-') || word.text === '-') {
      rest.push(word);
      continue;
    }
    const { name, attached } = word.text.startsWith('--') ? longOption(word) : shortOption(word);
    const offset = word.start;
    if (FLAGS.has(name)) {
      if (attached !== undefined) throw new SyntaxFault(`option ${name} takes no value`, offset);
      options.push({ name, offset });
      continue;
    }
    const value = attached ?? words[++index];
    if (value === undefined) throw new SyntaxFault(`option ${name} needs a value`, offset);
    options.push({ name, value, offset });
  }
  return { options, rest };
}

function longOption(word: Word): { readonly name: OptionName; readonly attached?: Word } {
  const equals = word.text.indexOf('=');
  const written = equals === -1 ? word.text : word.text.slice(0, equals);
  const exact = LONG[written];
  const names = exact === undefined ? [...new Set(Object.keys(LONG).filter((name) => name.startsWith(written)))] : [written];
  const offset = word.start;
  if (names.length === 0) throw new SyntaxFault(`unknown option ${written}`, offset);
  if (names.length > 1) throw new SyntaxFault(`option ${written} is ambiguous: ${names.join(', ')}`, offset);
  const name = LONG[names[0] as string] as OptionName;
  return equals === -1 ? { name } : { name, attached: wordFrom(word, equals + 1) };
}

function shortOption(word: Word): { readonly name: OptionName; readonly attached?: Word } {
  const name = SHORT[word.text[1] as string];
  if (name === undefined) throw new SyntaxFault(`unknown option ${word.text.slice(0, 2)}`, word.start);
  return word.text.length === 2 ? { name } : { name, attached: wordFrom(word, 2) };
}
