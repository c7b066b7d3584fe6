import { compare } from '../core/record.js';
import type { Version } from './version.js';
import { baseVersion, compareVersions, formatVersion, isPrerelease, parseVersion, publicVersion } from './version.js';

/** Comparison operators of PEP 440. */
export type Operator = '===' | '==' | '!=' | '~=' | '<=' | '>=' | '<' | '>';

/** One clause of a specifier set, as written: `{ operator: '==', version: '1.4.*' }`. */
export interface Specifier {
  readonly operator: Operator;
  /** Trimmed; for `==` and `!=` it may end in `.*`; for `===` it is any text without white space. */
  readonly version: string;
}

const CLAUSE = /^\s*(===|==|!=|~=|<=|>=|<|>)\s*(.*?)\s*$/s;

/** Parses one clause; undefined if it is not valid by PEP 440. */
export function parseSpecifier(text: string): Specifier | undefined {
  const match = CLAUSE.exec(text);
  if (match === null) return undefined;
  const [operator, version] = [match[1] as Operator, match[2] as string];
  return isValid(operator, version) ? { operator, version } : undefined;
}

/** Parses clauses separated by commas; undefined if one is not valid. Empty clauses are skipped, as everybody does. */
export function parseSpecifiers(text: string): readonly Specifier[] | undefined {
  const clauses = text.split(',').filter((clause) => clause.trim() !== '').map(parseSpecifier);
  return clauses.includes(undefined) ? undefined : (clauses as Specifier[]);
}

/**
 * True if the version is in the set. `prereleases`: whether a pre-release may match at all; by default only where a clause
 * names a pre-release itself.
 */
export function contains(specifiers: readonly Specifier[], version: Version, prereleases = allowsPrereleases(specifiers)): boolean {
  if (isPrerelease(version) && !prereleases) return false;
  return specifiers.every((specifier) => matches(specifier, version));
}

/**
 * The versions of a list that an installer may choose, order kept: those in the set; pre-releases only if allowed, or if
 * nothing else is in the set (PEP 440, "Handling of pre-releases").
 */
export function filterVersions<T>(candidates: readonly T[], specifiers: readonly Specifier[], options: FilterOptions<T>): readonly T[] {
  const inside = candidates.filter((candidate) => contains(specifiers, options.version(candidate), true));
  if (options.prereleases ?? allowsPrereleases(specifiers)) return inside;
  const finals = inside.filter((candidate) => !isPrerelease(options.version(candidate)));
  return finals.length === 0 && options.prereleases === undefined ? inside : finals;
}

export interface FilterOptions<T> {
  readonly version: (candidate: T) => Version;
  /** Absent: decided by the rule of PEP 440. */
  readonly prereleases?: boolean;
}

/** True if some clause names a pre-release itself (`!=` does not count). */
export function allowsPrereleases(specifiers: readonly Specifier[]): boolean {
  return specifiers.some(({ operator, version }) => {
    const parsed = operator === '!=' ? undefined : parseVersion(withoutWildcard(version));
    return parsed !== undefined && isPrerelease(parsed);
  });
}

/** The one version that the set allows, as written, if a clause pins it (`==` without wildcard, or `===`). */
export function pinnedVersion(specifiers: readonly Specifier[]): string | undefined {
  return specifiers.find(({ operator, version }) => operator === '===' || (operator === '==' && !version.endsWith('.*')))?.version;
}

/** One text for all spellings of a set: versions normalised, clauses sorted, duplicates removed. */
export function canonicalSpecifiers(specifiers: readonly Specifier[]): string {
  return [...new Set(specifiers.map(canonicalClause))].sort(compare).join(',');
}

function canonicalClause({ operator, version }: Specifier): string {
  if (operator === '===') return operator + version.toLowerCase();
  const wildcard = version.endsWith('.*');
  const parsed = parseVersion(withoutWildcard(version));
  return operator + (parsed === undefined ? version : formatVersion(parsed)) + (wildcard ? '.*' : '');
}

function isValid(operator: Operator, version: string): boolean {
  if (operator === '===') return !/[\s;)]/.test(version);
  const wildcard = version.endsWith('.*');
  const parsed = /\s/.test(version) ? undefined : parseVersion(withoutWildcard(version));
  if (parsed === undefined) return false;
  const equality = operator === '==' || operator === '!=';
  if (wildcard) return equality && isPlainRelease(parsed);
  if (parsed.local !== undefined) return equality;
  return operator !== '~=' || parsed.release.length > 1;
}

/** Wildcards follow a release only: `1.0a1.*` and `1.0.post1.*` are not valid. */
function isPlainRelease(version: Version): boolean {
  return version.pre === undefined && version.post === undefined && version.dev === undefined && version.local === undefined;
}

function withoutWildcard(version: string): string {
  return version.endsWith('.*') ? version.slice(0, -2) : version;
}

function matches({ operator, version }: Specifier, candidate: Version): boolean {
  if (operator === '===') return formatVersion(candidate).toLowerCase() === version.toLowerCase();
  const parsed = parseVersion(withoutWildcard(version));
  if (parsed === undefined) return false;
  const open = publicVersion(candidate);
  switch (operator) {
    case '==':
      return version.endsWith('.*') ? startsWith(candidate, parsed) : equals(candidate, parsed);
    case '!=':
      return !(version.endsWith('.*') ? startsWith(candidate, parsed) : equals(candidate, parsed));
    case '<=':
      return compareVersions(open, parsed) <= 0;
    case '>=':
      return compareVersions(open, parsed) >= 0;
    case '~=':
      return compareVersions(open, parsed) >= 0 && startsWith(candidate, { epoch: parsed.epoch, release: parsed.release.slice(0, -1) });
    case '<':
      return compareVersions(candidate, parsed) < 0 && !(isPrerelease(candidate) && !isPrerelease(parsed) && sameBase(candidate, parsed));
    case '>':
      return compareVersions(candidate, parsed) > 0 && !isAfterEffect(candidate, parsed);
  }
}

/** A local part counts only where the specifier has one. */
function equals(candidate: Version, wanted: Version): boolean {
  return compareVersions(wanted.local === undefined ? publicVersion(candidate) : candidate, wanted) === 0;
}

function startsWith(candidate: Version, prefix: Version): boolean {
  return candidate.epoch === prefix.epoch && prefix.release.every((part, index) => (candidate.release[index] ?? 0) === part);
}

/** `>1.7` matches neither 1.7.post1 nor 1.7+local; `>1.7.post1` may match 1.7.post2. */
function isAfterEffect(candidate: Version, wanted: Version): boolean {
  if (!sameBase(candidate, wanted)) return false;
  return candidate.local !== undefined || (candidate.post !== undefined && wanted.post === undefined);
}

function sameBase(a: Version, b: Version): boolean {
  return compareVersions(baseVersion(a), baseVersion(b)) === 0;
}
