import { comparePaths } from '../archive/paths.js';
import type { Part } from '../artifact/artifact.js';
import { groupOf, groupsBelowHeavy, isLarge, spreadOf, withoutVersion } from '../artifact/spread.js';
import { compare } from '../core/record.js';
import type { LayerPart } from './layer.js';

/** A large package is a layer of its own if it is among so many largest; of those that are heavy or built there are fewer. */
const MAX_ALONE = 8;
const MAX_HEAVY_ALONE = 6;
const MAX_BUILT_ALONE = 2;

/** To be raised whenever the same parts give other groups than before. */
export const CANONICAL_FORMAT = 7;

/**
 * Spreads parts over layers, bottom first, by their content alone, and so that a small change leaves most layers what they
 * are: packages by the hash of their name without the version, the heavy ones between those groups; on them the large ones apart; then those that
 * are built, which are there later than all others; what belongs to no package on top (it changes with every package). What a lower group has
 * does not depend on what the higher ones have, so that it is known before they are. At most 22.
 */
export function canonicalGroups(parts: readonly LayerPart[]): LayerPart[][] {
  const packages = parts.filter((part) => part.package !== undefined);
  const spread = spreadOf(packages.length);
  const groups = Array.from({ length: spread }, (): LayerPart[] => []);
  const heavy: LayerPart[] = [];
  const large: LayerPart[] = [];
  const built: LayerPart[] = [];
  for (const part of packages) (part.built === true ? built : part.heavy === true ? heavy : isLarge(part) ? large : groups[groupOf(part.package as string, spread)]!).push(part);
  const glue = parts.filter((part) => part.package === undefined);
  // What unfolds to many times its size is large and not heavy: where there are both, one layer is enough for it.
  const aboveGroups = heavy.length > 0 ? [large] : largeApart(large);
  groups.splice(groupsBelowHeavy(spread), 0, heavy);
  return [...groups.flatMap(largeApart), ...aboveGroups, ...largeApart(built), glue].filter((group) => group.length > 0).map((group) => [...group].sort(comparePlaces));
}

/** A group as it becomes layers: what is not large, the large ones that are not among the largest, and each of these. */
export function largeApart<P extends Part>(group: readonly P[]): P[][] {
  const most = group.some(({ built }) => built === true) ? MAX_BUILT_ALONE : group.some(({ heavy }) => heavy === true) ? MAX_HEAVY_ALONE : MAX_ALONE;
  const large = group.filter(isLarge).sort((a, b) => b.size - a.size || comparePlaces(a, b));
  const alone = large.slice(0, most).sort((a, b) => compare(nameOf(a), nameOf(b)) || comparePlaces(a, b));
  return [group.filter((part) => !isLarge(part)), large.slice(most), ...alone.map((part) => [part])].filter((some) => some.length > 0);
}

function nameOf(part: Part): string {
  return withoutVersion(part.package as string);
}

export function comparePlaces(a: Part, b: Part): number {
  return comparePaths(a.at, b.at) || compare(a.piece, b.piece);
}
