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
  const listings = await Promise.all(names.map((name) => store.readBlobBytes((pieces.get(name) as PieceRecord).listing)));
  const owners = new Map<string, { readonly hash: string; readonly packages: string[]; differs: boolean }>();
  names.forEach((name, index) => {
    for (const line of (listings[index] as Buffer).toString('utf8').split('\n')) {
      const [hash, path] = [line.slice(0, 64), line.slice(65)];
      const owner = owners.get(path);
      if (owner === undefined) {
        owners.set(path, { hash, packages: [name], differs: false });
      } else {
        owner.packages.push(name);
        owner.differs ||= owner.hash !== hash;
      }
    }
  });
  return [...owners].filter(([path, owner]) => owner.differs && path !== '').map(([path, { packages }]) => ({ path, packages }));
}
