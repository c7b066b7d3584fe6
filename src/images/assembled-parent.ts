import { parentConfig, scratchConfig } from '../assemble/parent-config.js';
import type { Tree } from '../assemble/tree.js';
import { fail } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';
import { chainId } from '../layers/chain-id.js';
import type { DiffId, Layer } from '../layers/layer.js';
import type { Store } from '../store/store.js';
import type { ParentImage } from './assemble-image.js';
import type { AssembledImage } from './assembled-image.js';
import { knownTree, type KnownTree } from './known-tree.js';

/** A parent whose questions are remembered. */
export interface KnownParent extends ParentImage {
  readonly tree: KnownTree;
}

export function scratchParent(platform: string, store: Store): KnownParent {
  const nothing: Tree = { lstat: async () => undefined, readFile: async () => undefined };
  return { config: scratchConfig(platform), tree: knownTree('', store, async () => nothing), layers: [] };
}

/** An image that the engine has and that is not known any better: its layers stay where they are. */
export async function engineParent(reference: string, { engine, store, open }: { readonly engine: Engine; readonly store: Store; readonly open: (image: ImageId) => Promise<Tree> }): Promise<KnownParent> {
  const details = (await engine.imageDetails(reference)) ?? fail({ reason: 'engine', message: `the image ${reference} is no longer on the engine`, advice: 'run the command again' });
  const layers = details.layers.map((diffId): Layer => ({ diffId: diffId as DiffId, size: -1, content: { kind: 'engine' } }));
  return { config: parentConfig(details), tree: knownTree(chainId(details.layers), store, () => open(details.id)), layers, base: details.id };
}

/** An image that was assembled. */
export function assembledParent({ config, layers, base }: AssembledImage, store: Store, open: () => Promise<Tree>): KnownParent {
  const tree = knownTree(chainId(layers.map(({ diffId }) => diffId)), store, open);
  return { config, tree, layers, ...(base === undefined ? {} : { base }) };
}
