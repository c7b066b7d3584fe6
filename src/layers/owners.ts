import { ancestorsOf, below, rooted } from '../archive/paths.js';
import type { Part } from '../artifact/artifact.js';
import type { Listed } from '../artifact/listing.js';
import { nameOf } from '../artifact/walk.js';
import { fail } from '../core/failure.js';

/** What is known of the parts of two versions. */
export interface Look {
  /** Parts that both have, in the same order. */
  readonly common: ReadonlySet<string>;
  /** Of those, the affected entries, where there are any; of others all. */
  readonly listings: ReadonlyMap<string, readonly Listed[]>;
  readonly affected: ReadonlySet<string>;
}

/** Who has a path in the end; `entry` is absent for folders that are only implied by a part's place. */
export interface Owner {
  readonly part: Part;
  readonly entry?: Listed;
}

/** Path → who has it. */
export type Tree = ReadonlyMap<string, Owner>;

/** The affected paths' owners. Later parts win. */
export function resolve(parts: readonly Part[], { listings, affected }: Look): Tree {
  const tree = new Map<string, Owner>();
  const put = (path: string, owner: Owner): void => {
    const known = tree.get(path);
    if (known !== undefined && isFolder(known) !== isFolder(owner)) clash(path, isFolder(known) ? [owner, known] : [known, owner]);
    tree.set(path, owner);
  };
  for (const part of parts) {
    const at = rooted(part.at);
    for (const folder of foldersTo(at)) if (affected.has(folder)) put(folder, { part });
    for (const entry of listings.get(idOf(part)) ?? []) {
      const path = below(at, entry[1]);
      if (affected.has(path)) put(path, { part, entry });
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
