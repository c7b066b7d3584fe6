import { createHash } from 'node:crypto';
import type { Part } from './artifact.js';

/**
 * How many of 32 packages are in each of eight groups. The lowest are small: they are there soon, and who takes groups one
 * after the other begins early and has enough to do from then on.
 */
const SHARES = [1, 2, 4, 5, 5, 5, 5, 5] as const;
/** So many packages are worth another group: few of them may be many bytes, and a changed one takes its group along. */
const PER_GROUP = 8;

/**
 * Over how many groups so many packages are spread: a power of two. Fewer groups than eight are neighbours of those joined, so that where
 * the number changes a group is split or joined, and nothing else. By the number of packages alone: it is known before the first
 * one is fetched, so a group can be worked on while others come.
 */
export function spreadOf(packages: number): number {
  let spread = 1;
  while (spread < SHARES.length && packages > spread * PER_GROUP) spread *= 2;
  return spread;
}

/** The group of a package, `lodash 4.17.21`, by the hash of its name without the version: another version is in the same group. */
export function groupOf(packageName: string, spread: number): number {
  const group = GROUPS[(createHash('sha256').update(withoutVersion(packageName)).digest()[0] as number) % GROUPS.length] as number;
  return Math.floor((group * spread) / SHARES.length);
}

/** Bytes of a piece above which its package is in none of these groups: each change of a group is sent whole. */
const LARGE = 64 * 1024 * 1024;

export function isLarge({ size }: Pick<Part, 'size'>): boolean {
  return size > LARGE;
}

/** Bytes of a download above which its package is heavy: sending it to an engine takes long, where byte-compiling many small ones takes long for few bytes. */
const HEAVY = 2 * 1024 * 1024;

export function isHeavy(download: number): boolean {
  return download > HEAVY;
}

/** How many groups lie below the heavy packages: an engine has something to unpack before these are there, and is done with them when the others are. */
export function groupsBelowHeavy(spread: number): number {
  return Math.floor((spread * 3) / SHARES.length);
}

/** Which of the eight groups each of 32 shares is. */
const GROUPS = SHARES.flatMap((share, group) => new Array<number>(share).fill(group));

/** `lodash` of `lodash 4.17.21`. */
export function withoutVersion(packageName: string): string {
  const space = packageName.lastIndexOf(' ');
  return space < 0 ? packageName : packageName.slice(0, space);
}
