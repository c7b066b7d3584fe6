import { FIXED_TIME, type Entry } from '../archive/entry.js';
import type { PackItem } from '../archive/pack-tar.js';
import { ancestorsOf, comparePaths } from '../archive/paths.js';
import type { BinLink } from './bins.js';
import { relativeLocation } from './location.js';
import type { TreeNode } from './tree.js';

export interface Glue {
  readonly installed: readonly TreeNode[];
  /** Links to commands, as far as what they point to is there. */
  readonly bins: readonly BinLink[];
  /** Text of node_modules/.package-lock.json; without one there is no such file. */
  readonly hiddenLock?: string;
}

/**
 * What makes a tree of packages a node_modules: its folders, links to commands, links to workspaces and folders, and the
 * hidden lock. Paths are relative to the prefix. Sorted.
 */
export function glueItems({ installed, bins, hiddenLock }: Glue): readonly PackItem[] {
  const common = { uid: 0, gid: 0, mtime: FIXED_TIME };
  const entries = new Map<string, PackItem>();
  const folder = (path: string): void => {
    for (const each of [...ancestorsOf(path), path]) entries.set(each, { entry: { type: 'directory', path: each, mode: 0o755, ...common } });
  };
  const link = (path: string, target: string): void => {
    const entry: Entry = { type: 'symlink', path, mode: 0o777, target, ...common };
    entries.set(path, { entry });
  };
  for (const { location, name } of installed) {
    folder(location.slice(0, -name.length - 1));
    if (name.startsWith('@')) folder(location.slice(0, location.lastIndexOf('/')));
  }
  for (const node of installed) {
    if (!node.target) continue;
    link(node.location, relativeLocation(node.location.slice(0, node.location.lastIndexOf('/')), node.target.location));
  }
  for (const { location, target } of bins) {
    folder(location.slice(0, location.lastIndexOf('/')));
    link(location, target);
  }
  if (hiddenLock !== undefined && entries.has('node_modules')) {
    const text = Buffer.from(hiddenLock);
    const path = 'node_modules/.package-lock.json';
    entries.set(path, { entry: { type: 'file', path, mode: 0o644, size: text.length, ...common }, content: text });
  }
  return [...entries.keys()].sort(comparePaths).map((each) => entries.get(each) as PackItem);
}
