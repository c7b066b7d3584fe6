import { fileHashes } from '../artifact/file-hashes.js';
import { listPiece, type Listed } from '../artifact/listing.js';
import { compare } from '../core/record.js';
import type { Store } from '../store/store.js';
import type { PieceRecord } from './installation.js';

/** A path that several packages install with different content; the last one (by name) is what the environment has. */
export interface Conflict {
  readonly path: string;
  readonly packages: readonly string[];
}

/** Paths that packages overwrite for each other. Same content is no conflict: namespace packages do that. */
export async function findConflicts(pieces: ReadonlyMap<string, PieceRecord>, store: Store): Promise<readonly Conflict[]> {
  const names = [...pieces.keys()].sort(compare);
  const partOf = (name: string): { at: string; piece: PieceRecord['piece']; size: number; package: string } => ({ ...pieces.get(name)!, at: '', package: name });
  const listings = await Promise.all(names.map((name) => listPiece(partOf(name), store)));
  const shared = sharedPaths(names, listings);
  const hashed = new Map<string, Set<string>>();
  for (const [path, owners] of shared) {
    if (differ(owners) || !hasContent(owners)) continue;
    for (const { name } of owners) hashed.set(name, (hashed.get(name) ?? new Set()).add(path));
  }
  const hashes = new Map(await Promise.all([...hashed].map(async ([name, paths]) => [name, await fileHashes(partOf(name), paths, store)] as const)));
  const hashOf = (name: string, path: string): string | undefined => hashes.get(name)?.get(path);
  return [...shared]
    .filter(([path, owners]) => differ(owners) || owners.some(({ name }) => hashOf(name, path) !== hashOf(owners[0]!.name, path)))
    .map(([path, owners]) => ({ path, packages: owners.map(({ name }) => name) }));
}

interface Owner {
  readonly name: string;
  readonly entry: Listed;
}

/** Files and links that more than one package has, in the order of the packages' names. */
function sharedPaths(names: readonly string[], listings: readonly (readonly Listed[])[]): ReadonlyMap<string, readonly Owner[]> {
  const first = new Map<string, Owner>();
  const shared = new Map<string, Owner[]>();
  names.forEach((name, index) => {
    for (const entry of listings[index]!) {
      const [type, path] = entry;
      if (type === 'directory') continue;
      const known = first.get(path);
      if (known === undefined) first.set(path, { name, entry });
      else shared.set(path, [...(shared.get(path) ?? [known]), { name, entry }]);
    }
  });
  return shared;
}

/** By what their listings say: type, mode, and a file's size or a link's target. */
function differ([first, ...others]: readonly Owner[]): boolean {
  const [type, , mode, last] = first!.entry;
  return others.some(({ entry }) => entry[0] !== type || entry[2] !== mode || entry[3] !== last);
}

function hasContent([first]: readonly Owner[]): boolean {
  const [type, , , size] = first!.entry;
  return type === 'file' && size !== 0;
}
