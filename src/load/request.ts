import { Failed } from '../core/failure.js';
import type { Engine, EngineInfo } from '../engine/engine.js';
import type { DiffId, Layer } from '../layers/layer.js';
import { openLayer } from '../layers/open-layer.js';
import type { Store } from '../store/store.js';
import { archiveOf } from './archive-file.js';
import type { ArchiveFile } from './archive-file.js';
import { formatFor } from './archive-format.js';
import type { ArchiveFormat } from './archive-format.js';
import type { ForeignLayer, ForeignLayers } from './foreign-layer.js';
import type { LoadableImage, Turn } from './port.js';
import { asForeign, type OwnLayers } from './own-layers.js';
import { savedLayers } from './saved-layers.js';
import type { SavedBase } from './saved-layers.js';
import { layersToSend } from './sending.js';

/** Where images go to, and where their layers come from. */
export interface LoadContext {
  readonly engine: Engine;
  readonly info: EngineInfo;
  readonly store: Store;
  readonly signal?: AbortSignal;
  readonly turn?: Turn;
  /** Called when the end of an archive is handed over: the engine will act on it. */
  readonly onEnd?: () => void;
}

/** Without the lowest `known[n]` layers of image n. Fails `archive` when the engine refuses that. */
export async function loadWithout(context: LoadContext, images: readonly LoadableImage[], { known, foreign, own }: { readonly known: readonly number[]; readonly foreign: ForeignLayers; readonly own: OwnLayers }): Promise<void> {
  const format = formatFor(context.info);
  const layers = layersToSend(images.map((image, index) => ({ layers: image.layers, known: known[index]! })), format.by);
  await send(context, (async function* () {
    yield* layerFiles(layers, own, { format, store: context.store });
    yield* await end(context, () => format.end(images, foreign));
  })());
}

/** With all layers, those of the bases straight out of the engine's own export; `foreign` is told how these are there. */
export async function loadWithAll(context: LoadContext, images: readonly LoadableImage[], { bases, foreign, own }: { readonly bases: readonly SavedBase[]; readonly foreign: Map<DiffId, ForeignLayer>; readonly own: OwnLayers }): Promise<void> {
  const format = formatFor(context.info);
  const stacks = images.map(({ layers }) => ({ layers: layers.filter(({ content }) => content.kind !== 'engine'), known: 0 }));
  await send(context, (async function* () {
    yield* savedLayers(context.engine, bases, foreign);
    yield* layerFiles(layersToSend(stacks, 'layer').filter(({ diffId }) => !foreign.has(diffId)), own, { format, store: context.store });
    for (const [diffId, layer] of own) if (!foreign.has(diffId)) foreign.set(diffId, asForeign(layer));
    yield* await end(context, () => format.end(images, foreign));
  })());
}

/** What names the layers comes last: an engine looks at nothing before. */
async function end({ turn, onEnd }: LoadContext, files: () => readonly ArchiveFile[]): Promise<readonly ArchiveFile[]> {
  turn?.onLayers?.();
  await turn?.after;
  onEnd?.();
  return files();
}

function* layerFiles(layers: readonly Layer[], own: OwnLayers, { format, store }: { readonly format: ArchiveFormat; readonly store: Store }): Generator<ArchiveFile> {
  for (const layer of layers) {
    const compressed = own.get(layer.diffId);
    if (compressed === undefined) yield { path: format.layerPath(layer.diffId), size: layer.size, content: () => openLayer(layer, store) };
    else yield { path: asForeign(compressed).path, size: compressed.size, content: () => compressed.open(0) };
  }
}

/** The containerd store is asked to look whether the images are whole: otherwise it takes any. */
async function send({ engine, info: { imageStore, os, architecture }, signal }: LoadContext, files: AsyncIterable<ArchiveFile>): Promise<void> {
  await engine.load(archiveOf(files), { ...(imageStore === 'containerd' ? { platform: { os, architecture } } : {}), ...(signal === undefined ? {} : { signal }) });
}

/** True if it was the engine that did not want the archive. */
export function isRefusal(error: unknown): error is Failed {
  return error instanceof Failed && error.has('archive');
}
