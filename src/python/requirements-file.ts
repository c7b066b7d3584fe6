import { posix } from 'node:path';
import type { Problem } from '../core/failure.js';
import { Failed } from '../core/failure.js';
import type { Place, Placed } from '../core/place.js';
import { checkRequirements } from './check-requirements.js';
import { decodeText } from './decode-text.js';
import { IndexSettings } from './index-settings.js';
import type { Option } from './line-options.js';
import { parseOptions } from './line-options.js';
import { hashOf, inWord, onlyHashes, optionUrl, settingOf, shownWord } from './option-values.js';
import type { Word } from './option-words.js';
import { optionsStart, splitWords } from './option-words.js';
import type { LogicalLine } from './requirement-lines.js';
import { readLines } from './requirement-lines.js';
import type { SpecText } from './requirement-text.js';
import { parseEditableText, parseRequirementText } from './requirement-text.js';
import type { Requirement, RequirementInput, SourceUrl } from './requirement.js';
import { isOutside, sourcePath } from './source-path.js';
import { withoutCredentials } from './source-url.js';
import { SyntaxFault } from './syntax.js';

export interface ReadOptions {
  /** Absolute path of the project's root. Paths in requirements start from it, those of `-r` and `-c` from their file. */
  readonly root: string;
  /** The bytes of a file, by its path relative to the root (absolute or with leading `..` outside); undefined if there is none. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>;
  /** For `--find-links`, which pip takes from the file's folder if it is there. Absent: always from the root. */
  readonly exists?: (path: string) => Promise<boolean>;
  /** For `-r` and `-c` of URLs; absent: those are problems. */
  readonly readUrl?: (url: string) => Promise<Uint8Array>;
  /** Variables that `${NAME}` may name. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether files and paths outside the root are allowed. */
  readonly allowOutside?: boolean;
}

/**
 * Reads requirements.txt-style files and all that they include. Everything that is wrong is reported at once: throws Failed,
 * reason `requirements`, each problem with its place.
 */
export async function readRequirements(files: readonly Placed<string>[], options: ReadOptions): Promise<RequirementInput> {
  const reading: Reading = { options, settings: new IndexSettings(), requirements: [], constraints: [], files: new Set(), problems: [], warnings: [] };
  for (const { value, place } of files) {
    await readFile({ name: sourcePath(value, options.root), from: place, constraint: false, chain: [] }, reading);
  }
  const { requirements, constraints, problems, warnings } = reading;
  problems.push(...checkRequirements(requirements, constraints));
  if (problems.length > 0) throw new Failed(problems);
  const hashed = requirements.some((requirement) => requirement.hashes.length > 0);
  return { requirements, constraints, options: reading.settings.options(hashed), files: [...reading.files], warnings };
}

interface Reading {
  readonly options: ReadOptions;
  readonly settings: IndexSettings;
  readonly requirements: Requirement[];
  readonly constraints: Requirement[];
  readonly files: Set<string>;
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

interface File {
  /** Path in source form, or a URL. */
  readonly name: string;
  /** Shown instead of the name where that is a URL with credentials. */
  readonly shown?: string;
  /** Where it is asked for. */
  readonly from: Place;
  readonly constraint: boolean;
  /** The files that led here. */
  readonly chain: readonly string[];
}

const REMOTE = /^https?:\/\//i;

async function readFile(file: File, reading: Reading): Promise<void> {
  const shown = file.shown ?? file.name;
  if (file.chain.includes(file.name)) {
    reading.problems.push(problem(`${shown} includes itself: ${[...file.chain.slice(file.chain.indexOf(file.name)), file.name].join(' → ')}`, file.from, 'Remove one of the -r or -c lines'));
    return;
  }
  const bytes = await readBytes(file, shown, reading);
  if (bytes === undefined) return;
  reading.files.add(shown);
  const text = decodeText(bytes);
  if (text === undefined) {
    reading.problems.push(problem(`${shown} is not valid UTF-8 text`, { file: shown, line: 1, column: 1 }, 'Save it as UTF-8, or name its encoding in the first line: # -*- coding: latin1 -*-'));
    return;
  }
  const { lines, missing } = readLines(text, shown, reading.options.env);
  reading.problems.push(...missing.map(({ name, place }) => problem(`variable ${name} is not set or not allowed here`, place, `Set ${name} and name it under env: of the artifact in the project file`)));
  // After a missing variable the rest of its line means nothing.
  const broken = new Set(missing.map(({ place }) => place.line));
  for (const line of lines) {
    if (broken.size === 0 || !isBroken(line, broken)) await readLine(line, file, reading);
  }
}

function isBroken(line: LogicalLine, broken: ReadonlySet<number>): boolean {
  const [first, last] = [line.place(0).line, line.place(Math.max(0, line.text.length - 1)).line];
  return [...broken].some((number) => number >= first && number <= last);
}

async function readBytes(file: File, shown: string, { options, problems }: Reading): Promise<Uint8Array | undefined> {
  if (REMOTE.test(file.name)) {
    if (options.readUrl !== undefined) return options.readUrl(file.name);
    problems.push(problem(`${shown} would have to be read from the network`, file.from, 'Copy the file into the project and include it from there'));
    return undefined;
  }
  if (isOutside(file.name) && options.allowOutside !== true) {
    problems.push(problem(`${shown} lies outside the project`, file.from, 'Move the file into the project'));
    return undefined;
  }
  const bytes = await options.read(file.name);
  if (bytes === undefined) problems.push(problem(`there is no file ${shown}`, file.from, 'Check the path: it is relative to the file that names it'));
  return bytes;
}

async function readLine(line: LogicalLine, file: File, reading: Reading): Promise<void> {
  try {
    const start = optionsStart(line.text);
    const text = line.text.slice(0, start).trimEnd();
    const hashes = text === '' ? undefined : onlyHashes(line.text, start);
    if (hashes !== undefined) {
      addRequirement({ text, shown: line.shown }, { hashes, configSettings: [], globalOptions: [] }, { line, file, reading });
      return;
    }
    const { options, rest } = parseOptions(splitWords(line.text, start));
    if (rest.length > 0) reading.warnings.push(ignored(rest[0] as Word, line));
    const context = { line, file, reading };
    if (text !== '') addRequirement({ text, shown: line.shown }, requirementOptions(options, context), context);
    else await readOptionLine(options, context);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    reading.problems.push(problem(masked(error.message, reading.options.env), line.place(error.offset)));
  }
}

interface LineContext {
  readonly line: LogicalLine;
  readonly file: File;
  readonly reading: Reading;
}

function addRequirement(spec: SpecText, own: OwnOptions, { line, file, reading }: LineContext): void {
  const { hashes, ...rest } = parseRequirementText(spec, specOptions(reading));
  add({ ...rest, ...own, hashes: unique([...hashes, ...own.hashes]), editable: false, place: line.place(0) }, file, reading);
}

type OwnOptions = Pick<Requirement, 'hashes' | 'configSettings' | 'globalOptions'>;

/** Options of one requirement; format options hold for the set wherever they stand, other options are ignored as in pip. */
function requirementOptions(options: readonly Option[], { line, reading }: LineContext): OwnOptions {
  const hashes: string[] = [];
  const configSettings: (readonly [string, string])[] = [];
  const globalOptions: string[] = [];
  for (const { name, value, offset } of options) {
    const text = value?.text ?? '';
    if (name === '--hash') hashes.push(hashOf(value as Word));
    else if (name === '--config-settings') configSettings.push(settingOf(value as Word));
    else if (name === '--global-option') globalOptions.push(text);
    else if (name === '--no-binary' || name === '--only-binary') reading.settings.selectFormat(name, text);
    else reading.warnings.push(problem(`option ${name} after a requirement is ignored`, line.place(offset), 'Put the option on a line of its own'));
  }
  return { hashes, configSettings, globalOptions };
}

function add(requirement: Requirement, file: File, reading: Reading): void {
  (file.constraint ? reading.constraints : reading.requirements).push(requirement);
}

async function readOptionLine(options: readonly Option[], context: LineContext): Promise<void> {
  const editable = options.find((option) => option.name === '--editable');
  if (editable !== undefined) {
    addEditable(editable, options, context);
    return;
  }
  // pip takes one file per line, and then nothing else but format options.
  const include = options.find((option) => option.name === '--requirement') ?? options.find((option) => option.name === '--constraint');
  for (const option of options) {
    if (include === undefined || option === include || option.name === '--no-binary' || option.name === '--only-binary') await applyOption(option, context);
    else context.reading.warnings.push(problem(`option ${option.name} beside ${include.name} is ignored`, context.line.place(option.offset), 'Put the option on a line of its own'));
  }
}

function addEditable(editable: Option, options: readonly Option[], context: LineContext): void {
  const { line, file, reading } = context;
  const others = options.filter((option) => option !== editable);
  const second = others.find((option) => option.name === '--editable');
  if (second !== undefined) throw new SyntaxFault('only one -e can stand on a line', second.offset);
  // Only settings reach the build of an editable requirement; format options hold for the set wherever they stand.
  const settings = others.filter(({ name }) => name === '--config-settings' || name === '--no-binary' || name === '--only-binary');
  for (const option of others.filter((candidate) => !settings.includes(candidate))) {
    reading.warnings.push(problem(`option ${option.name} after -e is ignored`, line.place(option.offset), 'Remove the option'));
  }
  const own = requirementOptions(settings, context);
  const word = editable.value as Word;
  const parsed = inWord(word, () => parseEditableText({ text: word.text, shown: (start, end) => shownWord(word, line, [start, end]) }, specOptions(reading)));
  add({ ...parsed, ...own, hashes: parsed.hashes, editable: true, place: line.place(editable.offset) }, file, reading);
}

async function applyOption({ name, value, offset }: Option, { line, file, reading }: LineContext): Promise<void> {
  const { settings } = reading;
  const word = value as Word;
  switch (name) {
    case '--requirement':
    case '--constraint':
      return readFile({ ...includedFile(word, { line, file, reading }), from: line.place(offset), constraint: name === '--constraint', chain: [...file.chain, file.name] }, reading);
    case '--index-url':
      return settings.setIndex(optionUrl(word, line));
    case '--extra-index-url':
      return settings.addExtraIndex(optionUrl(word, line));
    case '--find-links':
      return settings.addFindLinks(await findLinks(word, { line, file, reading }));
    case '--no-binary':
    case '--only-binary':
      return settings.selectFormat(name, word.text);
    case '--trusted-host':
      return settings.addTrustedHost(word.text);
    case '--use-feature':
      return settings.addFeature(word.text);
    case '--no-index':
    case '--pre':
    case '--prefer-binary':
    case '--require-hashes':
      return settings.setFlag(name);
    default:
      reading.warnings.push(problem(`option ${name} without a requirement is ignored`, line.place(offset), 'Put the option after the requirement that it is for'));
      return undefined;
  }
}

function includedFile(word: Word, { line, file, reading }: LineContext): Pick<File, 'name' | 'shown'> {
  const local = /^file:/i.test(word.text) ? word.text.replace(/^file:(?:\/\/(?:localhost)?(?=\/))?/i, '') : word.text;
  if (REMOTE.test(file.name) || REMOTE.test(local)) {
    const url = REMOTE.test(file.name) ? new URL(local, file.name).href : local;
    const shown = REMOTE.test(local) ? shownWord(word, line, [0, word.text.length]) : url;
    return { name: url, shown: withoutCredentials(shown) };
  }
  return { name: sourcePath(local, reading.options.root, posix.dirname(file.name)) };
}

async function findLinks(word: Word, { line, file, reading }: LineContext): Promise<{ readonly url: SourceUrl } | { readonly path: string }> {
  if (/^(?:https?|ftp):\/\//i.test(word.text)) return { url: optionUrl(word, line) };
  const { root, exists, allowOutside } = reading.options;
  const text = word.text.replace(/^file:(?:\/\/(?:localhost)?(?=\/))?/i, '');
  const besideFile = sourcePath(text, root, posix.dirname(file.name));
  const path = (await exists?.(besideFile)) === true ? besideFile : sourcePath(text, root);
  if (isOutside(path) && allowOutside !== true) throw new SyntaxFault('the path leads out of the project', word.start);
  return { path };
}

function specOptions({ options }: Reading): { readonly root: string; readonly allowOutside: boolean } {
  return { root: options.root, allowOutside: options.allowOutside === true };
}

function ignored(word: Word, line: LogicalLine): Problem {
  return problem(`${shownWord(word, line, [0, word.text.length])} after the options of this line is ignored`, line.place(word.start), 'Put markers and versions before the options, or remove the word');
}

/** Messages quote the text, which may hold the values of variables. */
function masked(message: string, env: Readonly<Record<string, string>>): string {
  return Object.entries(env).reduce((text, [name, value]) => (value === '' ? text : text.replaceAll(value, `\${${name}}`)), message);
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)].sort();
}

function problem(message: string, place: Place, advice?: string): Problem {
  return { reason: 'requirements', message, place, ...(advice === undefined ? {} : { advice }) };
}
