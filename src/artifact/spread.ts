import { createHash } from 'node:crypto';

/** Of groups that packages are spread over. */
const MAX_SPREAD = 8;
/** So many packages are worth another group: few of them may be many bytes, and a changed one takes its group along. */
const PER_GROUP = 8;

/**
 * Over how many groups so many packages are spread: a power of two, so that where it changes no group gets more than a half of
 * another. By their number alone: it is known before the first one is fetched, so a group can be worked on while others come.
 */
export function spreadOf(packages: number): number {
  let spread = 1;
  while (spread < MAX_SPREAD && packages > spread * PER_GROUP) spread *= 2;
  return spread;
}

/** The group of a package, `lodash 4.17.21`, by the hash of its name without the version: another version is in the same group. */
export function groupOf(packageName: string, spread: number): number {
  return (createHash('sha256').update(withoutVersion(packageName)).digest()[0] as number) % spread;
}

/** `lodash` of `lodash 4.17.21`. */
export function withoutVersion(packageName: string): string {
  const space = packageName.lastIndexOf(' ');
  return space < 0 ? packageName : packageName.slice(0, space);
}
