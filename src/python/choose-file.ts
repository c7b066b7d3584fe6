import { compare } from '../core/record.js';
import type { IndexFile } from './index-file.js';
import type { FormatSelection, IndexOptions } from './requirement.js';
import type { Specifier } from './specifier.js';
import { contains, parseSpecifiers } from './specifier.js';
import type { Version } from './version.js';
import { compareVersions, formatVersion, parseVersion } from './version.js';
import type { WheelName } from './wheel-name.js';
import { compareBuilds, parseSdistName, parseWheelName } from './wheel-name.js';

/** What a pin asks for. */
export interface Pin {
  /** Normalised. */
  readonly name: string;
  readonly specifiers: readonly Specifier[];
  /** `sha256:<hex>` …: empty where none is given. */
  readonly hashes: readonly string[];
}

/** What the builder's interpreter takes. */
export interface Target {
  /** Supported PEP 425 tags with their rank, 0 the best. */
  readonly tags: ReadonlyMap<string, number>;
  /** `3.13.5` */
  readonly pythonVersion: string;
}

export type FormatPolicy = Pick<IndexOptions, 'noBinary' | 'onlyBinary' | 'preferBinary'>;

export type Choice =
  | { readonly file: IndexFile; readonly format: 'wheel' | 'sdist'; readonly version: string }
  /** Why no file fits, and what there is. */
  | { readonly reason: 'not-found' | 'integrity' | 'unsupported'; readonly why: string; readonly available: readonly string[] };

/**
 * The file that pip would install for an exact pin: of the pinned version, with one of the pinned hashes, for this
 * interpreter; the highest local version, a wheel before a source distribution, the best tag, the highest build number, then
 * the first index. Yanked files are taken, since the pin names the version itself (PEP 592).
 */
export function chooseFile(files: readonly IndexFile[], pin: Pin, { target, policy }: { readonly target: Target; readonly policy: FormatPolicy }): Choice {
  const all = files.flatMap((file) => candidate(file, pin.name, target.tags) ?? []);
  if (all.length === 0) return { reason: 'not-found', why: 'no index has a package of this name', available: [] };
  const versioned = all.filter(({ version }) => contains(pin.specifiers, version, true));
  if (versioned.length === 0) return { reason: 'not-found', why: 'no index has this version', available: newest(all) };
  const pinned = versioned.filter(({ file }) => mayMatch(file.hashes, pin.hashes));
  if (pinned.length === 0) {
    return { reason: 'integrity', why: 'no file of this version has one of the pinned hashes', available: versioned.map(describe).sort(compare) };
  }
  const fitting = pinned.filter((each) => fits(each, pin.name, target, policy));
  const best = fitting.sort(order)[0];
  if (best === undefined) return { reason: 'unsupported', why: unfit(pinned, target), available: pinned.map(({ file }) => file.filename).sort(compare) };
  return { file: best.file, format: best.wheel === undefined ? 'sdist' : 'wheel', version: formatVersion(best.version) };
}

interface Candidate {
  readonly file: IndexFile;
  readonly version: Version;
  readonly wheel?: WheelName;
  /** Position of its best tag; Infinity for a wheel of another platform and for sdists. */
  readonly tagRank: number;
}

function candidate(file: IndexFile, name: string, tags: Target['tags']): Candidate | undefined {
  const wheel = parseWheelName(file.filename);
  if (wheel !== undefined) return wheel.name === name ? { file, version: wheel.version, wheel, tagRank: bestTag(wheel, tags) } : undefined;
  const sdist = parseSdistName(file.filename, name);
  return sdist === undefined ? undefined : { file, version: sdist.version, tagRank: Infinity };
}

/** Where a wheel's best tag stands among the supported ones; Infinity if none of them is. */
export function bestTag(wheel: WheelName, tags: Target['tags']): number {
  return Math.min(...wheel.tags.map((tag) => tags.get(tag) ?? Infinity));
}

/** False only if the index gives a hash that the pin contradicts; what the index does not say shows when it is fetched. */
function mayMatch(offered: readonly string[], pinned: readonly string[]): boolean {
  if (pinned.length === 0) return true;
  const algorithms = new Set(pinned.map(algorithmOf));
  const comparable = offered.filter((hash) => algorithms.has(algorithmOf(hash)));
  return comparable.length === 0 || comparable.some((hash) => pinned.includes(hash));
}

function algorithmOf(hash: string): string {
  return hash.slice(0, hash.indexOf(':'));
}

function fits(each: Candidate, name: string, target: Target, policy: FormatPolicy): boolean {
  if (!pythonFits(each.file, target)) return false;
  if (each.wheel === undefined) return !selects(policy.onlyBinary, name);
  return each.tagRank !== Infinity && !selects(policy.noBinary, name);
}

export function selects(selection: FormatSelection, name: string): boolean {
  return selection === 'all' || selection.includes(name);
}

/** A malformed Requires-Python counts as absent, as in pip. */
function pythonFits({ requiresPython }: IndexFile, target: Target): boolean {
  const specifiers = requiresPython === undefined ? undefined : parseSpecifiers(requiresPython);
  const version = parseVersion(target.pythonVersion);
  return specifiers === undefined || version === undefined || contains(specifiers, version, true);
}

function order(a: Candidate, b: Candidate): number {
  return (
    compareVersions(b.version, a.version) ||
    Number(a.wheel === undefined) - Number(b.wheel === undefined) ||
    (a.tagRank === b.tagRank ? 0 : a.tagRank - b.tagRank) ||
    compareBuilds(b.wheel?.build, a.wheel?.build) ||
    a.file.rank - b.file.rank ||
    compare(a.file.filename, b.file.filename)
  );
}

function unfit(pinned: readonly Candidate[], target: Target): string {
  const required = [...new Set(pinned.filter(({ file }) => !pythonFits(file, target)).map(({ file }) => file.requiresPython as string))];
  if (required.length > 0 && pinned.every(({ file }) => !pythonFits(file, target))) {
    return `it requires Python ${required.join(' or ')}, and the builder has ${target.pythonVersion}`;
  }
  const formats = pinned.some(({ wheel }) => wheel === undefined) ? 'its files are excluded by --no-binary or --only-binary' : 'it has no source distribution and no wheel for this interpreter';
  return `${formats} (Python ${target.pythonVersion}, ${[...target.tags.keys()][0] ?? 'no tags'})`;
}

function describe({ file }: Candidate): string {
  return `${file.filename}${file.hashes.length === 0 ? '' : ` (${file.hashes.join(', ')})`}`;
}

/** A few of the highest versions, for the message. */
function newest(all: readonly Candidate[]): readonly string[] {
  const versions = all.map(({ version }) => version).sort((a, b) => compareVersions(b, a));
  return [...new Set(versions.map(formatVersion))].slice(0, 8);
}
