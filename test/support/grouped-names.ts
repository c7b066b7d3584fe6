import { groupOf } from '../../src/artifact/spread.js';

/** Names of packages, as many of each of the eight groups that packages are spread over, mixed. */
export function groupedNames(prefix: string, ofEach = 5): readonly string[] {
  const counts = new Array<number>(8).fill(0);
  const names: string[] = [];
  for (let index = 0; names.length < 8 * ofEach; index += 1) {
    const name = `${prefix}${index}`;
    const group = groupOf(name, 8);
    if (counts[group]! >= ofEach) continue;
    counts[group]! += 1;
    names.push(name);
  }
  return names;
}
