import { rooted } from '../archive/paths.js';
import type { Artifact, Part } from '../artifact/artifact.js';
import { listPiece, type Listed } from '../artifact/listing.js';
import type { Tree, TreeNode } from '../assemble/tree.js';
import type { Store } from '../store/store.js';
import { memoised } from '../util/memo.js';

/**
 * An artifact, unpacked at `/`, as `walkArtifact` composes it. Above its prefix there is nothing. Of its parts only those are
 * looked into that could hold the path in question.
 */
export function artifactTree({ prefix, parts }: Artifact, store: Store): Tree {
  const root = rooted(prefix);
  const listings = new Map<Part, Promise<ReadonlyMap<string, Listed>>>();
  const listing = (part: Part): Promise<ReadonlyMap<string, Listed>> => {
    const known = listings.get(part) ?? listPiece(part, store).then((entries) => new Map(entries.map((entry) => [entry[1], entry])));
    listings.set(part, known);
    return known;
  };
  const lstat = memoised(async (path: string): Promise<TreeNode | undefined> => {
    if (path !== root && root !== '' && !path.startsWith(`${root}/`)) return undefined;
    let implied = path === root && path !== '';
    // Later parts win.
    for (const part of [...parts].reverse()) {
      const at = rooted(part.at);
      if (path !== '' && (at === path || at.startsWith(`${path}/`))) implied = true;
      const inside = at === '' ? path : path.startsWith(`${at}/`) ? path.slice(at.length + 1) : undefined;
      if (inside === undefined || inside === '') continue;
      const found = (await listing(part)).get(inside);
      if (found !== undefined) return nodeOf(found);
    }
    return implied ? { type: 'directory', mode: 0o755, ...ROOT } : undefined;
  });
  // Accounts are files of the operating system, no package's.
  return { lstat, readFile: async () => undefined };
}

const ROOT = { uid: 0, gid: 0 };

function nodeOf([type, , mode, last]: Listed): TreeNode {
  if (type === 'directory') return { type, mode, ...ROOT };
  if (type === 'symlink') return { type, target: last as string, ...ROOT };
  return { type: 'file', mode, size: typeof last === 'number' ? last : 0, ...ROOT };
}
