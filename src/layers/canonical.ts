import { groupOf, spreadOf, withoutVersion } from '../artifact/spread.js';
import { comparePaths } from '../archive/paths.js';
import { compare } from '../core/record.js';
import type { LayerPart } from './layer.js';

const MiB = 1024 * 1024;
/** A piece of more than so many bytes is a layer of its own… */
const LARGE = 64 * MiB;
/** …if it is among the largest. */
const MAX_ALONE = 8;

/** To be raised whenever the same parts give other groups than before. */
export const CANONICAL_FORMAT = 5;

/**
 * Spreads parts over layers, bottom first, by their content alone, and so that a small change leaves most layers what they
 * are: packages by the hash of their name without the version; on them those that are built, which are there later than all
 * others; then the large ones apart; what belongs to no package on top (it changes with every package). What a lower group has
 * does not depend on what the higher ones have, so that it is known before they are. At most 19.
 */
export function canonicalGroups(parts: readonly LayerPart[]): LayerPart[][] {
  const packages = parts.filter((part) => part.package !== undefined);
  const small = packages.filter((part) => !isLarge(part));
  const large = packages.filter(isLarge).sort((a, b) => b.size - a.size || comparePlaces(a, b));
  const alone = large.slice(0, MAX_ALONE).sort((a, b) => compare(nameOf(a), nameOf(b)) || comparePlaces(a, b)).map((part) => [part]);
  const glue = parts.filter((part) => part.package === undefined);
  const spread = spreadOf(packages.length);
  const groups = Array.from({ length: spread }, (): LayerPart[] => []);
  const built: LayerPart[] = [];
  for (const part of small) (part.built === true ? built : groups[groupOf(part.package as string, spread)]!).push(part);
  return [...groups, built, large.slice(MAX_ALONE), ...alone, glue].filter((group) => group.length > 0).map((group) => [...group].sort(comparePlaces));
}

/** It is in none of the groups that packages are spread over. */
export function isLarge({ size }: Pick<LayerPart, 'size'>): boolean {
  return size > LARGE;
}

function nameOf(part: LayerPart): string {
  return withoutVersion(part.package as string);
}

export function comparePlaces(a: LayerPart, b: LayerPart): number {
  return comparePaths(a.at, b.at) || compare(a.piece, b.piece);
}
