import type { Tree, TreeNode } from '../assemble/tree.js';
import type { Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import { lazy, memoised } from '../util/memo.js';

/** A tree whose answers are remembered under the image's chain of layers, so that they are asked for once per image ever. */
export interface KnownTree extends Tree {
  /** Writes what was learnt. */
  save(): Promise<void>;
}

/** A record of bucket `trees`; null: nothing is there. Files are base64. */
interface Facts {
  readonly format: 1;
  readonly nodes: { [path: string]: TreeNode | null };
  readonly files: { [path: string]: string | null };
}

/** `ask` opens the tree itself, at the first question that was never answered. */
export function knownTree(chain: string, store: Store, ask: () => Promise<Tree>): KnownTree {
  const key = `chain-${chain.replace('sha256:', '') || 'empty'}`;
  const facts = lazy(() => readFacts(store, key));
  const tree = lazy(ask);
  let news = false;
  const lstat = memoised(async (path: string): Promise<TreeNode | undefined> => {
    const { nodes } = await facts();
    if (!Object.hasOwn(nodes, path)) {
      nodes[path] = (await (await tree()).lstat(path)) ?? null;
      news = true;
    }
    return nodes[path] ?? undefined;
  });
  const readFile = memoised(async (path: string): Promise<Buffer | undefined> => {
    const { files } = await facts();
    if (!Object.hasOwn(files, path)) {
      files[path] = (await (await tree()).readFile(path))?.toString('base64') ?? null;
      news = true;
    }
    const text = files[path];
    return typeof text === 'string' ? Buffer.from(text, 'base64') : undefined;
  });
  const save = async (): Promise<void> => {
    if (!news) return;
    news = false;
    await store.putRecord('trees', key, (await facts()) as unknown as Data, { exists: 'replace' });
  };
  return { lstat, readFile, save };
}

async function readFacts(store: Store, key: string): Promise<Facts> {
  const found = (await store.getRecord('trees', key)) as unknown as Facts | undefined;
  return found?.format === 1 ? { format: 1, nodes: { ...found.nodes }, files: { ...found.files } } : { format: 1, nodes: {}, files: {} };
}
