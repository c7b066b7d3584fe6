import type { Problem } from '../../core/failure.js';
import { Failed, fail } from '../../core/failure.js';
import type { Place } from '../../core/place.js';
import type { Marker } from '../marker.js';
import { parseMarker } from '../marker.js';
import { SyntaxFault } from '../syntax.js';

/** A TOML value as the parser gives it. */
export type Toml = string | number | bigint | boolean | object | undefined;
export type Table = Readonly<Record<string, unknown>>;

/** A lock file that is being read: its data, and places for complaints. */
export interface LockText {
  /** As the user would write it. */
  readonly file: string;
  readonly data: Table;
  readonly problems: Problem[];
  /** The place of the n-th (from 0) `[[header]]`, or of a key below it; the start of the file where it is not found. */
  place(header: string, index: number, key?: string): Place;
  /** The place of a top-level key or `[header]`. */
  placeOf(key: string): Place;
}

/** Parses TOML; throws Failed with the place of what is not TOML. The parser is loaded at the first call. */
export async function parseLockText(text: string, file: string): Promise<LockText> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    return lockText(parse(text) as Table, text, file);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    return fail({ reason: 'requirements', message: `${file} is not valid TOML: ${reason}`, place: { file, line: error.line, column: error.column } });
  }
}

/** Reports a problem and goes on. */
export function complain(lock: LockText, message: string, where: Pick<Problem, 'place' | 'advice'>): void {
  lock.problems.push({ reason: 'requirements', message, ...where });
}

/** Throws if anything was reported. */
export function finish(lock: LockText): void {
  if (lock.problems.length > 0) throw new Failed(lock.problems);
}

/** Parses a marker of the lock; a broken one is reported and counts as absent. */
export function markerOf(lock: LockText, text: unknown, place: () => Place): Marker | undefined {
  if (text === undefined || text === '') return undefined;
  if (typeof text !== 'string') {
    complain(lock, 'a marker must be a text', { place: place() });
    return undefined;
  }
  try {
    return parseMarker(text);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    complain(lock, `marker ${JSON.stringify(text)} is not valid: ${error.message}`, { place: place() });
    return undefined;
  }
}

export function asTable(value: unknown): Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function asTexts(value: unknown): readonly string[] {
  return asList(value).filter((item): item is string => typeof item === 'string');
}

/** Any value as it can be shown in a message. */
export function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}` : inner)) ?? 'nothing');
}

export function asSize(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function lockText(data: Table, text: string, file: string): LockText {
  // Found when the first complaint needs it.
  let lines: readonly string[] | undefined;
  const all = (): readonly string[] => (lines ??= text.split('\n'));
  return {
    file,
    data,
    problems: [],
    place: (header, index, key) => placeInTable(all(), { file, header: `[[${header}]]`, index, ...(key === undefined ? {} : { key }) }),
    placeOf: (key) => {
      const line = all().findIndex((candidate) => isKey(candidate, key) || candidate.trim() === `[${key}]`);
      return { file, line: Math.max(0, line) + 1, column: 1 };
    },
  };
}

function placeInTable(lines: readonly string[], wanted: { readonly file: string; readonly header: string; readonly index: number; readonly key?: string }): Place {
  let count = -1;
  const start = lines.findIndex((line) => line.trim() === wanted.header && ++count === wanted.index);
  if (start === -1) return { file: wanted.file, line: 1, column: 1 };
  const { key } = wanted;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.trim() === wanted.header);
  const found = key === undefined ? -1 : rest.slice(0, end === -1 ? undefined : end).findIndex((line) => isKey(line, key));
  const line = found === -1 ? start : start + 1 + found;
  return { file: wanted.file, line: line + 1, column: (/^\s*/.exec(lines[line] ?? '')?.[0].length ?? 0) + 1 };
}

function isKey(line: string, key: string): boolean {
  const trimmed = line.trimStart();
  return trimmed.startsWith(key) && /^\s*[=.]/.test(trimmed.slice(key.length));
}
