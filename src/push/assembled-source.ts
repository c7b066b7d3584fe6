import type { Engine } from '../engine/engine.js';
import type { AssembledImage } from '../images/assembled-image.js';
import { compressedLayer } from '../layers/compressed.js';
import type { DiffId, Layer } from '../layers/layer.js';
import { exportLayers } from '../load/base-layers.js';
import type { Store } from '../store/store.js';
import type { ImageSource, LayerSource } from './ready-image.js';

export interface SourceOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly format: 'gzip' | 'zstd';
  /** Repositories that may have some of the layers: those of the images that it is built from. */
  readonly mountFrom: readonly string[];
}

/** An assembled image as a registry takes it, straight from the store. Only layers of a base are fetched from the engine, once. */
export async function assembledSource({ bytes, layers, base }: AssembledImage, { store, engine, format, mountFrom }: SourceOptions): Promise<ImageSource> {
  const foreign = layers.filter(({ content }) => content.kind === 'engine').map(({ diffId }) => diffId);
  const exported = base === undefined || foreign.length === 0 ? NONE : await exportLayers(engine, store, base, foreign);
  const sources: LayerSource[] = [];
  for (const layer of layers) {
    const source = await compressedLayer(ownLayer(layer, exported), { store, format });
    const [from] = mountFrom;
    sources.push(from === undefined ? source : { ...source, mountFrom: from });
  }
  return { config: bytes, layers: sources };
}

type Exported = Awaited<ReturnType<typeof exportLayers>>;
const NONE: Exported = new Map();

function ownLayer(layer: Layer, exported: Exported): Layer {
  if (layer.content.kind !== 'engine') return layer;
  const blob = exported.get(layer.diffId as DiffId);
  if (blob === undefined) throw new Error(`the base has no layer ${layer.diffId}`);
  return { ...layer, content: { kind: 'blob', blob } };
}
