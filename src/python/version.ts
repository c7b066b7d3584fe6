import pep440 from '@renovatebot/pep440/lib/version.js';

/**
 * A version by PEP 440. The grammar is the library's; order and text are ours, because the library reads the local part
 * `1e5` as a number, joins local parts with commas and loses digits beyond 2^53.
 */
export interface Version {
  readonly epoch: Numeral;
  readonly release: readonly Numeral[];
  readonly pre?: readonly [letter: 'a' | 'b' | 'rc', number: Numeral];
  readonly post?: Numeral;
  readonly dev?: Numeral;
  readonly local?: readonly (string | Numeral)[];
}

/** A bigint only where a number would lose digits. */
export type Numeral = number | bigint;

const PATTERN = new RegExp(`^\\s*${pep440.VERSION_PATTERN}\\s*$`, 'i');

/** Undefined if the text is no version by PEP 440. */
export function parseVersion(text: string): Version | undefined {
  const groups = PATTERN.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const post = groups['post_n1'] ?? (groups['post_l'] === undefined ? undefined : (groups['post_n2'] ?? '0'));
  return {
    epoch: numeral(groups['epoch'] ?? '0'),
    release: (groups['release'] as string).split('.').map(numeral),
    ...(groups['pre_l'] === undefined ? {} : { pre: [preLetter(groups['pre_l']), numeral(groups['pre_n'] ?? '0')] as const }),
    ...(post === undefined ? {} : { post: numeral(post) }),
    ...(groups['dev_l'] === undefined ? {} : { dev: numeral(groups['dev_n'] ?? '0') }),
    ...(groups['local'] === undefined ? {} : { local: groups['local'].toLowerCase().split(/[-_.]/).map(localPart) }),
  };
}

/** The normalised text (PEP 440, "Normalization"); trailing zeros stay. */
export function formatVersion(version: Version): string {
  return formatPublic(version) + (version.local === undefined ? '' : `+${version.local.join('.')}`);
}

/** Normalised, without the local part. */
export function formatPublic(version: Version): string {
  const pre = version.pre === undefined ? '' : version.pre.join('');
  const post = version.post === undefined ? '' : `.post${version.post}`;
  const dev = version.dev === undefined ? '' : `.dev${version.dev}`;
  return formatBase(version) + pre + post + dev;
}

/** The normalised text of what is a version, any other text as it is. */
export function normalizeVersion(text: string): string {
  const version = parseVersion(text);
  return version === undefined ? text : formatVersion(version);
}

export function isPrerelease(version: Version): boolean {
  return version.pre !== undefined || version.dev !== undefined;
}

/** Without its local part. */
export function publicVersion(version: Version): Version {
  const { local: _local, ...rest } = version;
  return rest;
}

/** Epoch and release only. */
export function baseVersion(version: Version): Version {
  return { epoch: version.epoch, release: version.release };
}

/** The order of PEP 440; 0 also for different spellings of one version (`1.0` and `1`). */
export function compareVersions(a: Version, b: Version): number {
  return (
    order(a.epoch, b.epoch) ||
    compareReleases(a.release, b.release) ||
    comparePre(a, b) ||
    orderAbsent(a.post, b.post, -1) ||
    orderAbsent(a.dev, b.dev, 1) ||
    compareLocal(a.local, b.local)
  );
}

function formatBase(version: Version): string {
  return (version.epoch === 0 ? '' : `${version.epoch}!`) + version.release.join('.');
}

function numeral(digits: string): Numeral {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : BigInt(digits);
}

function localPart(text: string): string | Numeral {
  return /^[0-9]+$/.test(text) ? numeral(text) : text;
}

function preLetter(text: string): 'a' | 'b' | 'rc' {
  const letter = text.toLowerCase();
  return letter.startsWith('a') ? 'a' : letter.startsWith('b') ? 'b' : 'rc';
}

function order(a: Numeral | string, b: Numeral | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareReleases(a: readonly Numeral[], b: readonly Numeral[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const result = order(a[index] ?? 0, b[index] ?? 0);
    if (result !== 0) return result;
  }
  return 0;
}

/** A version that is only a dev release of a final one sorts before all its pre-releases. */
function comparePre(a: Version, b: Version): number {
  return order(preRank(a), preRank(b)) || order(a.pre?.[1] ?? 0, b.pre?.[1] ?? 0);
}

function preRank(version: Version): number {
  if (version.pre !== undefined) return { a: 1, b: 2, rc: 3 }[version.pre[0]];
  return version.post === undefined && version.dev !== undefined ? 0 : 4;
}

/** `absent` is where a missing part sorts: -1 before every number, 1 after. */
function orderAbsent(a: Numeral | undefined, b: Numeral | undefined, absent: -1 | 1): number {
  if (a === undefined) return b === undefined ? 0 : absent;
  return b === undefined ? -absent : order(a, b);
}

/** None before any; words before numbers; a longer one after its own beginning. */
function compareLocal(a: Version['local'], b: Version['local']): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const [left, right] = [a[index] as string | Numeral, b[index] as string | Numeral];
    const kinds = (typeof left === 'string' ? 0 : 1) - (typeof right === 'string' ? 0 : 1);
    const result = kinds || order(left, right);
    if (result !== 0) return result;
  }
  return order(a.length, b.length);
}
