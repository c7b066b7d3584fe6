import { compare } from '../core/record.js';
import type { Dependency } from './dependency.js';
import { markerApplies } from './marker.js';
import type { Specifier } from './specifier.js';
import { canonicalSpecifiers, contains, parseSpecifiers } from './specifier.js';
import { parseVersion } from './version.js';

/** One pinned package and what its metadata asks for. */
export interface PinnedPackage {
  /** Normalised. */
  readonly name: string;
  readonly version: string;
  /** Extras that the requirement files ask for. */
  readonly extras: readonly string[];
  readonly requiresDist: readonly Dependency[];
  readonly requiresPython?: readonly Specifier[];
  /** True where it was pinned to a URL, a repository or a path, which satisfies any URL that a dependency names. */
  readonly direct?: boolean;
}

/** A requirement of a package that the pins do not satisfy. */
export interface Gap {
  readonly kind: 'missing' | 'conflict' | 'python';
  /** The package that is not pinned, or pinned to a version that does not do. */
  readonly name: string;
  /** Canonical text of what is asked for; empty for any version. */
  readonly specifier: string;
  /** Extras of `name` that are asked for. */
  readonly extras: readonly string[];
  /** Who asks: `django-pipeline 4.0.0`. */
  readonly neededBy: string;
  /** For a conflict the pinned version, for `python` the interpreter's. */
  readonly found?: string;
}

/**
 * What keeps a list of pins from being a complete lock for one environment: requirements of packages that no pin satisfies,
 * extras followed. Empty: closed. A pre-release that is pinned satisfies every range that it lies in, as for pip.
 */
export function findGaps(packages: readonly PinnedPackage[], variables: Readonly<Record<string, string>>): readonly Gap[] {
  const byName = new Map(packages.map((item) => [item.name, item]));
  const gaps = new Map<string, Gap>();
  const report = (gap: Gap): void => void gaps.set(JSON.stringify(gap), gap);
  for (const item of packages) for (const gap of pythonGap(item, variables)) report(gap);
  for (const [name, extras] of reachedExtras(packages, byName, variables)) {
    const item = byName.get(name) as PinnedPackage;
    for (const dependency of active(item, extras, variables)) for (const gap of dependencyGap(dependency, item, byName)) report(gap);
  }
  return [...gaps.values()].sort((a, b) => compare(a.name, b.name) || compare(a.neededBy, b.neededBy) || compare(a.specifier, b.specifier));
}

/** Extras of each package that the files or other packages ask for, followed to the end. */
function reachedExtras(
  packages: readonly PinnedPackage[],
  byName: ReadonlyMap<string, PinnedPackage>,
  variables: Readonly<Record<string, string>>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const extras = new Map(packages.map((item) => [item.name, new Set(item.extras)]));
  const queue = [...packages];
  for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
    for (const dependency of active(item, extras.get(item.name) ?? new Set(), variables)) {
      const known = extras.get(dependency.name);
      const before = known?.size;
      dependency.extras.forEach((extra) => known?.add(extra));
      const target = byName.get(dependency.name);
      if (known !== undefined && target !== undefined && known.size !== before) queue.push(target);
    }
  }
  return extras;
}

function active(item: PinnedPackage, extras: ReadonlySet<string>, variables: Readonly<Record<string, string>>): readonly Dependency[] {
  // A dependency without an extra in its marker holds for '' already, so '' is always tried.
  return item.requiresDist.filter(({ marker }) => markerApplies(marker, variables, ['', ...extras]));
}

function dependencyGap(dependency: Dependency, item: PinnedPackage, byName: ReadonlyMap<string, PinnedPackage>): readonly Gap[] {
  const gap = {
    name: dependency.name,
    specifier: dependency.url === undefined ? canonicalSpecifiers(dependency.specifiers) : `@ ${dependency.url}`,
    extras: dependency.extras,
    neededBy: `${item.name} ${item.version}`,
  };
  const pinned = byName.get(dependency.name);
  if (pinned === undefined) return [{ kind: 'missing', ...gap }];
  if (dependency.url !== undefined) return pinned.direct === true ? [] : [{ kind: 'conflict', ...gap, found: pinned.version }];
  return satisfies(dependency.specifiers, pinned.version) ? [] : [{ kind: 'conflict', ...gap, found: pinned.version }];
}

function pythonGap(item: PinnedPackage, variables: Readonly<Record<string, string>>): readonly Gap[] {
  const python = variables['python_full_version'] ?? '';
  const wanted = item.requiresPython;
  if (wanted === undefined || satisfies(wanted, python)) return [];
  return [{ kind: 'python', name: item.name, specifier: canonicalSpecifiers(wanted), extras: [], neededBy: `${item.name} ${item.version}`, found: python }];
}

/** Versions that are none by PEP 440 satisfy nothing but the same text after `===`. */
function satisfies(specifiers: readonly Specifier[], text: string): boolean {
  const version = parseVersion(text.replace(/\+$/, ''));
  if (version !== undefined) return contains(specifiers, version, true);
  return specifiers.every((specifier) => specifier.operator === '===' && specifier.version === text);
}

/** True if an interpreter of this version may have the package (`Requires-Python`; invalid ones are ignored, as installers do). */
export function allowsPython(requiresPython: string, pythonVersion: string): boolean {
  const specifiers = parseSpecifiers(requiresPython);
  return specifiers === undefined || satisfies(specifiers, pythonVersion);
}
