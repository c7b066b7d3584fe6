import { createHash } from 'node:crypto';
import { compare } from '../core/record.js';
import type { LayerPart } from './layer.js';

const MiB = 1024 * 1024;
/** A piece of more than so many bytes is a layer of its own… */
const LARGE = 64 * MiB;
/** …if it is among the largest. */
const MAX_LARGE = 8;
/** Of the layers that the other packages are spread over. */
const MAX_SPREAD = 8;

/**
 * Spreads parts over layers, bottom first, by their content alone, and so that a small change leaves most layers what they
 * are: large packages apart, the others by the hash of their name without the version, what belongs to no package on top
 * (it changes with every package). At most 17.
 */
export function canonicalGroups(parts: readonly LayerPart[]): LayerPart[][] {
  const packages = parts.filter((part) => part.package !== undefined);
  const large = packages.filter(({ size }) => size > LARGE).sort((a, b) => b.size - a.size || comparePlaces(a, b)).slice(0, MAX_LARGE);
  const small = packages.filter((part) => !large.includes(part));
  const glue = parts.filter((part) => part.package === undefined);
  const spread = spreadOf(small.reduce((sum, { size }) => sum + size, 0));
  const groups = Array.from({ length: spread }, (_, index) => small.filter((part) => placeOf(part, spread) === index));
  const alone = large.sort((a, b) => compare(nameOf(a), nameOf(b)) || comparePlaces(a, b)).map((part) => [part]);
  return [...alone, ...groups, glue].filter((group) => group.length > 0).map((group) => [...group].sort(comparePlaces));
}

/** A power of two, so that where it changes no layer gets more than a half of another. */
function spreadOf(bytes: number): number {
  let spread = 1;
  while (spread < MAX_SPREAD && bytes > spread * LARGE) spread *= 2;
  return spread;
}

function placeOf(part: LayerPart, spread: number): number {
  return (createHash('sha256').update(nameOf(part)).digest()[0] as number) % spread;
}

/** `lodash` of `lodash 4.17.21`. */
function nameOf(part: LayerPart): string {
  const name = part.package as string;
  const space = name.lastIndexOf(' ');
  return space < 0 ? name : name.slice(0, space);
}

export function comparePlaces(a: LayerPart, b: LayerPart): number {
  return compare(a.at, b.at) || compare(a.piece, b.piece);
}
