import type { DiffId, Layer } from '../layers/layer.js';

/** An image's layers and how many of the lowest need not be sent. */
export interface Stack {
  readonly layers: readonly Layer[];
  readonly known: number;
}

/**
 * The layers that the engine lacks, each once, in the order in which it will want them. `by` says what an engine knows a
 * layer by: a graph driver by the whole chain up to it (OCI's ChainID), a content store by the layer alone.
 */
export function layersToSend(stacks: readonly Stack[], by: 'chain' | 'layer'): readonly Layer[] {
  const known = new Set<string>();
  const names = stacks.map(({ layers }) => namesOf(layers, by));
  for (const [at, stack] of stacks.entries()) for (const name of names[at]!.slice(0, stack.known)) known.add(name);
  const sent = new Map<DiffId, Layer>();
  for (const [at, { layers }] of stacks.entries()) {
    for (const [index, layer] of layers.entries()) {
      const name = names[at]![index]!;
      if (known.has(name)) continue;
      known.add(name);
      sent.set(layer.diffId, layer);
    }
  }
  return [...sent.values()];
}

function namesOf(layers: readonly Layer[], by: 'chain' | 'layer'): readonly string[] {
  let chain = '';
  return layers.map(({ diffId }) => (by === 'layer' ? diffId : (chain += diffId)));
}
