import { isName, normalizeName } from './name.js';
import type { Version } from './version.js';
import { parseVersion } from './version.js';

/** What a wheel's file name says (PEP 427). */
export interface WheelName {
  /** Normalised. */
  readonly name: string;
  readonly version: Version;
  /** `1local` as `[1, 'local']`; absent where there is no build tag. Higher wins between equal wheels. */
  readonly build?: readonly [number: number, rest: string];
  /** Every `python-abi-platform` of the compressed tag set, lower case. */
  readonly tags: readonly string[];
}

/** Undefined if this is not the file name of a wheel. */
export function parseWheelName(filename: string): WheelName | undefined {
  if (!filename.endsWith('.whl')) return undefined;
  const parts = filename.slice(0, -'.whl'.length).split('-');
  if (parts.length !== 5 && parts.length !== 6) return undefined;
  const [name, versionText] = parts as [string, string];
  const version = parseVersion(versionText) ?? parseVersion(versionText.replaceAll('_', '-'));
  const build = parts.length === 6 ? /^([0-9]+)(.*)$/.exec(parts[2] as string) : undefined;
  if (!/^[\p{L}\p{N}._]+$/u.test(name) || name.includes('__') || version === undefined || build === null) return undefined;
  return {
    name: normalizeName(name),
    version,
    ...(build === undefined ? {} : { build: [Number(build[1]), build[2] as string] as const }),
    tags: expandTags(parts.slice(-3) as [string, string, string]),
  };
}

/** The order in which installers try wheels that fit equally well: no build tag first, then by number and text. */
export function compareBuilds(a: WheelName['build'], b: WheelName['build']): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  return a[0] - b[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0);
}

/** What a source distribution's file name says. */
export interface SdistName {
  /** Normalised. */
  readonly name: string;
  readonly version: Version;
}

const SDIST_EXTENSIONS = ['.tar.gz', '.zip', '.tar.bz2', '.tar.xz', '.tgz', '.tar'];

/**
 * PEP 625 names and older ones. Old names may have dashes in name and version (`python-foo-1.0-1.tar.gz`), so the name of
 * the package, where it is known, decides where it ends. Undefined if this is no sdist (of that package).
 */
export function parseSdistName(filename: string, packageName?: string): SdistName | undefined {
  const extension = SDIST_EXTENSIONS.find((candidate) => filename.toLowerCase().endsWith(candidate));
  if (extension === undefined) return undefined;
  const stem = filename.slice(0, -extension.length);
  return packageName === undefined ? splitAtLastDash(stem) : splitAfterName(stem, normalizeName(packageName));
}

/** True for the file names that pip takes for an archive to install. */
export function isArchiveName(filename: string): boolean {
  return /\.(whl|zip|tar\.gz|tgz|tar|tar\.bz2|tbz|tar\.xz|txz|tlz|tar\.lz|tar\.lzma)$/i.test(filename);
}

function splitAtLastDash(stem: string): SdistName | undefined {
  const dash = stem.lastIndexOf('-');
  return dash <= 0 ? undefined : sdistName(stem.slice(0, dash), stem.slice(dash + 1));
}

function splitAfterName(stem: string, name: string): SdistName | undefined {
  for (let dash = stem.indexOf('-'); dash !== -1; dash = stem.indexOf('-', dash + 1)) {
    if (normalizeName(stem.slice(0, dash)) === name) {
      const found = sdistName(stem.slice(0, dash), stem.slice(dash + 1));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function sdistName(name: string, versionText: string): SdistName | undefined {
  const version = parseVersion(versionText);
  return version === undefined || !isName(name) ? undefined : { name: normalizeName(name), version };
}

function expandTags([pythons, abis, platforms]: readonly [string, string, string]): readonly string[] {
  const all = pythons
    .split('.')
    .flatMap((python) => abis.split('.').flatMap((abi) => platforms.split('.').map((platform) => `${python}-${abi}-${platform}`.toLowerCase())));
  return [...new Set(all)];
}
