import { ancestorsOf, below, rooted } from '../archive/paths.js';
import type { Part } from '../artifact/artifact.js';
import type { Listed } from '../artifact/listing.js';
import { nameOf } from '../artifact/walk.js';
import { fail } from '../core/failure.js';

/** Who has a path in the end; `entry` is absent for folders that are only implied by a part's place. */
export interface Owner {
  readonly part: Part;
  readonly entry?: Listed;
}

/** Path → who has it. */
export type Tree = ReadonlyMap<string, Owner>;

export interface Resolving {
  /** Entries of parts, by `idOf`. */
  readonly listings: ReadonlyMap<string, readonly Listed[]>;
  readonly isAffected: (path: string) => boolean;
}

/** The affected paths' owners. Later parts win. */
export function resolve(parts: readonly Part[], { listings, isAffected }: Resolving): Tree {
  const tree = new Map<string, Owner>();
  const put = (path: string, owner: Owner): void => {
    const known = tree.get(path);
    if (known !== undefined && isFolder(known) !== isFolder(owner)) clash(path, isFolder(known) ? [owner, known] : [known, owner]);
    tree.set(path, owner);
  };
  for (const part of parts) {
    const at = rooted(part.at);
    for (const folder of foldersTo(at)) if (isAffected(folder)) put(folder, { part });
    for (const entry of listings.get(idOf(part)) ?? []) {
      const path = below(at, entry[1]);
      if (isAffected(path)) put(path, { part, entry });
    }
  }
  return tree;
}

export function isFolder({ entry }: Owner): boolean {
  return entry === undefined || entry[0] === 'directory';
}

/** The folder itself and those above it. */
export function foldersTo(folder: string): string[] {
  return folder === '' ? [] : [...ancestorsOf(folder), folder];
}

export function idOf({ at, piece }: Part): string {
  return `${at}\0${piece}`;
}

function clash(path: string, [file, folder]: readonly [Owner, Owner]): never {
  fail({ reason: 'archive', message: `/${path} is a file in ${nameOf(file.part)} and a folder in ${nameOf(folder.part)}` });
}
