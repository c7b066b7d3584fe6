import type { Artifact } from '../artifact/artifact.js';
import { artifactEntries } from '../artifact/compose.js';
import type { Tree, TreeNode } from '../assemble/tree.js';
import type { Store } from '../store/store.js';
import { lazy } from '../util/memo.js';

/** An artifact, unpacked at `/`. Above its prefix there is nothing. */
export function artifactTree(artifact: Artifact, store: Store): Tree {
  const prefix = artifact.prefix.replace(/^\/+|\/+$/g, '');
  const nodes = lazy(() => readNodes(artifact, store));
  const lstat = async (path: string): Promise<TreeNode | undefined> => {
    if (path === prefix && prefix !== '') return FOLDER;
    return prefix === '' || path.startsWith(`${prefix}/`) ? (await nodes()).get(path) : undefined;
  };
  // Accounts are files of the operating system, no package's.
  return { lstat, readFile: async () => undefined };
}

const ROOT = { uid: 0, gid: 0 };
const FOLDER: TreeNode = { type: 'directory', mode: 0o755, ...ROOT };

async function readNodes(artifact: Artifact, store: Store): Promise<Map<string, TreeNode>> {
  const nodes = new Map<string, TreeNode>();
  for await (const { entry } of artifactEntries(artifact, store)) {
    if (entry.type === 'symlink') nodes.set(entry.path, { type: 'symlink', target: entry.target, ...ROOT });
    else if (entry.type === 'directory') nodes.set(entry.path, { type: 'directory', mode: entry.mode, ...ROOT });
    else nodes.set(entry.path, { type: 'file', mode: entry.mode, size: entry.type === 'file' ? entry.size : 0, ...ROOT });
  }
  return nodes;
}
