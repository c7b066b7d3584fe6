import type { Part } from '../artifact/artifact.js';
import { mapParallel } from '../util/parallel.js';
import { idOf, isFolder, type Owner, type Tree } from './owners.js';

/** Hashes of the contents of files of a part, by their paths in it. */
export type HashFiles = (part: Part, paths: ReadonlySet<string>) => Promise<ReadonlyMap<string, string>>;

/** Pieces that are read beside each other. */
const AT_ONCE = 4;

/**
 * The affected files and links of the first tree that are the same in the second. Of a package that became another version most
 * files stay what they were: those of one mode and size are hashed. A hard link is the same only as long as its part is.
 */
export async function sameLeaves(before: Tree, after: Tree, { affected, hash }: { readonly affected: ReadonlySet<string>; readonly hash: HashFiles }): Promise<ReadonlySet<string>> {
  const same = new Set<string>();
  if (before.size === 0) return same;
  const alike: Alike[] = [];
  for (const path of affected) {
    const [old, now] = [before.get(path), after.get(path)];
    if (old === undefined || now === undefined || isFolder(old) || isFolder(now)) continue;
    if (idOf(old.part) === idOf(now.part) || isSameLink(old, now)) same.add(path);
    else if (areAlike(old, now)) alike.push({ path, old, now });
  }
  const hashOf = await hashed(alike.flatMap(({ old, now }) => [old, now]), hash);
  for (const { path, old, now } of alike) if (hashOf(old) === hashOf(now)) same.add(path);
  return same;
}

interface Alike {
  readonly path: string;
  readonly old: Owner;
  readonly now: Owner;
}

function isSameLink({ entry: old }: Owner, { entry: now }: Owner): boolean {
  return old?.[0] === 'symlink' && now?.[0] === 'symlink' && old[2] === now[2] && old[3] === now[3];
}

function areAlike({ entry: old }: Owner, { entry: now }: Owner): boolean {
  return old?.[0] === 'file' && now?.[0] === 'file' && old[2] === now[2] && old[3] === now[3];
}

/** Each piece is read once, whatever is to be known of it. */
async function hashed(owners: readonly Owner[], hash: HashFiles): Promise<(owner: Owner) => string> {
  const wanted = new Map<string, { readonly part: Part; readonly paths: Set<string> }>();
  for (const { part, entry } of owners) {
    const known = wanted.get(idOf(part)) ?? { part, paths: new Set<string>() };
    wanted.set(idOf(part), known);
    known.paths.add(entry![1]);
  }
  const found = new Map(await mapParallel([...wanted], AT_ONCE, async ([id, { part, paths }]) => [id, await hash(part, paths)] as const));
  return ({ part, entry }) => found.get(idOf(part))!.get(entry![1])!;
}
