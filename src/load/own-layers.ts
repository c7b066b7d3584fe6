import { compressedLayer, findCompressed, type CompressedLayer } from '../layers/compressed.js';
import type { DiffId } from '../layers/layer.js';
import type { Store } from '../store/store.js';
import { mapParallel } from '../util/parallel.js';
import type { ForeignLayer } from './foreign-layer.js';
import { blobPath } from './oci-layout.js';
import type { LoadableImage } from './port.js';
import { layersToSend } from './sending.js';

/** Layers of ours as they are sent to a content store: compressed, with the very bytes that a registry gets. */
export type OwnLayers = ReadonlyMap<DiffId, CompressedLayer>;

export interface OwnLayersOptions {
  readonly store: Store;
  readonly signal?: AbortSignal;
}

/** Each takes a processor. */
const AT_ONCE = 2;

/**
 * The compressed forms of all layers of ours: what is sent is compressed now, if it never was. What the engine has is as it was
 * sent, so compressed where the store knows how.
 */
export async function ownLayers(images: readonly LoadableImage[], known: readonly number[], { store, signal }: OwnLayersOptions): Promise<OwnLayers> {
  const sent = new Set(layersToSend(images.map(({ layers }, index) => ({ layers, known: known[index]! })), 'layer').map(({ diffId }) => diffId));
  const all = new Map(images.flatMap(({ layers }) => layers.filter(({ content }) => content.kind !== 'engine')).map((layer) => [layer.diffId, layer] as const));
  const options = { store, format: 'gzip', ...(signal === undefined ? {} : { signal }) } as const;
  const found = await mapParallel([...all.values()], AT_ONCE, async (layer) => [layer.diffId, await (sent.has(layer.diffId) ? compressedLayer(layer, options) : findCompressed(layer, options))] as const);
  return new Map(found.flatMap(([diffId, layer]) => (layer === undefined ? [] : [[diffId, layer] as const])));
}

/** As a manifest names it. */
export function asForeign({ digest, mediaType, size }: CompressedLayer): ForeignLayer {
  return { path: blobPath(digest), mediaType, size };
}
