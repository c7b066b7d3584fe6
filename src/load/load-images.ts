import { packing } from '../archive/pack-tar.js';
import type { TarPack } from '../archive/pack-tar.js';
import type { Emit } from '../core/events.js';
import { Failed, fail } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import type { Engine, EngineInfo } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import { openLayer } from '../layers/open-layer.js';
import type { Store } from '../store/store.js';
import { archiveStream } from './archive-file.js';
import { formatFor } from './archive-format.js';
import type { ForeignLayer, ForeignLayers } from './foreign-layer.js';
import { readIncremental, writeIncremental } from './incremental.js';
import type { LoadableImage, LoadImages } from './port.js';
import { passSavedLayers } from './saved-layers.js';
import { layersToSend } from './sending.js';
import { storedLayers } from './stored-layers.js';

export interface LoaderOptions {
  readonly engine: Engine;
  readonly store: Store;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

/** What one request to the engine is made of. */
interface Request {
  readonly info: EngineInfo;
  readonly images: readonly LoadableImage[];
  /** For each image, how many of its lowest layers are not sent. */
  readonly known: readonly number[];
}

/**
 * Brings images to one engine, all of a call in one request. First without what the engine is said to have; if it refuses,
 * without what it surely has; if it refuses that too, everything, and that is remembered of it (README, "Which way").
 */
export function createLoader(options: LoaderOptions): { readonly load: LoadImages } {
  return { load: (images) => load(options, images) };
}

async function load(options: LoaderOptions, images: readonly LoadableImage[]): Promise<readonly ImageId[]> {
  if (images.length === 0) return [];
  const info = await options.engine.info();
  const state = await readIncremental(options.store, info);
  if (state === 'refused') return await loadAll(options, info, images);
  const told: Request = { info, images, known: images.map(({ known }) => known) };
  const ids = await tryIncremental(options, told, state === 'untried');
  if (ids !== undefined) return ids;
  const sure: Request = { info, images, known: await Promise.all(images.map((image) => surelyKnown(options, image))) };
  options.emit?.({ type: 'step', subject: 'engine', message: 'it lacks layers that it was said to have: sending all that are not its own' });
  const again = await tryIncremental(options, sure, true);
  if (again !== undefined) return again;
  const all = await loadAll(options, info, images);
  // Only now it is certain that the images are right and that leaving layers out is what it does not take.
  if (sure.known.some((count) => count > 0)) await writeIncremental(options.store, info, 'refused');
  return all;
}

/** The ids; undefined if the engine refused the archive, or took it for something else. */
async function tryIncremental(options: LoaderOptions, request: Request, verify: boolean): Promise<readonly ImageId[] | undefined> {
  const { info, images, known } = request;
  const leavesOut = known.some((count) => count > 0);
  if (!leavesOut && images.some(({ layers }) => layers.some(({ content }) => content.kind === 'engine'))) return undefined;
  const foreign = info.imageStore === 'containerd' ? await knownBlobs(options, images) : new Map<DiffId, ForeignLayer>();
  const ids = images.map((image) => formatFor(info).id(image, foreign));
  try {
    await send(options, request, foreign);
    if (!verify || (await areWhole(options.engine, images, ids))) {
      if (verify && leavesOut) await writeIncremental(options.store, info, 'works');
      return ids;
    }
  } catch (error) {
    if (!(error instanceof Failed && error.has('archive'))) throw error;
    if (!leavesOut) throw refused(error);
  }
  if (info.imageStore === 'containerd') await removeBroken(options.engine, images, ids);
  return undefined;
}

/** One load without the known layers. */
async function send({ engine, store, signal }: LoaderOptions, { info, images, known }: Request, foreign: ForeignLayers): Promise<void> {
  const format = formatFor(info);
  const layers = layersToSend(images.map(({ layers: all }, index) => ({ layers: all, known: known[index]! })), format.by);
  const archive = packing(async (pack) => {
    for (const layer of layers) {
      const { entry, content } = archiveStream(format.layerPath(layer.diffId), layer.size, await openLayer(layer, store));
      await pack.entry(entry, content);
    }
    await writeEnd(pack, { info, images, known }, foreign);
  });
  await engine.load(archive, loadOptions(info, signal));
}

/** Everything, the base images' layers straight out of the engine's own export. */
async function loadAll(options: LoaderOptions, info: EngineInfo, images: readonly LoadableImage[]): Promise<readonly ImageId[]> {
  const { engine, store, signal } = options;
  const format = formatFor(info);
  const own = images.map(({ layers }) => ({ layers: layers.filter(({ content }) => content.kind !== 'engine'), known: 0 }));
  let foreign: ForeignLayers = new Map();
  const bases = await Promise.all(images.filter(({ layers }) => layers.some(({ content }) => content.kind === 'engine')).map((image) => baseOf(engine, image)));
  const archive = packing(async (pack) => {
    foreign = await passSavedLayers(engine, bases, pack);
    for (const layer of layersToSend(own, 'layer')) {
      if (foreign.has(layer.diffId)) continue;
      const { entry, content } = archiveStream(format.layerPath(layer.diffId), layer.size, await openLayer(layer, store));
      await pack.entry(entry, content);
    }
    await writeEnd(pack, { info, images, known: [] }, foreign);
  });
  try {
    await engine.load(archive, loadOptions(info, signal));
  } catch (error) {
    throw error instanceof Failed && error.has('archive') ? refused(error) : error;
  }
  const ids = images.map((image) => format.id(image, foreign));
  if (!(await areWhole(engine, images, ids))) fail({ reason: 'engine', message: `the engine took ${names(images)} and does not have what was sent` });
  return ids;
}

async function writeEnd(pack: TarPack, { info, images }: Request, foreign: ForeignLayers): Promise<void> {
  for (const { entry, content } of formatFor(info).end(images, foreign)) await pack.entry(entry, content);
}

/** As what blobs the engine has the layers that are its own. */
async function knownBlobs({ engine, store }: LoaderOptions, images: readonly LoadableImage[]): Promise<ForeignLayers> {
  const foreign = new Map<DiffId, ForeignLayer>();
  for (const image of images) {
    const own = engineLayers(image);
    if (own.length === 0 || own.every((diffId) => foreign.has(diffId))) continue;
    for (const [diffId, layer] of await storedLayers({ engine, store }, image.base ?? noBase(image), own)) foreign.set(diffId, layer);
  }
  return foreign;
}

/** How many of the lowest layers the engine has for certain: those of the base, if it is there. */
async function surelyKnown({ engine }: LoaderOptions, image: LoadableImage): Promise<number> {
  return engineLayers(image).length === 0 ? 0 : (await baseOf(engine, image)).diffIds.length;
}

async function baseOf(engine: Engine, image: LoadableImage): Promise<{ readonly id: ImageId; readonly diffIds: readonly DiffId[] }> {
  const id = image.base ?? noBase(image);
  const base = await engine.image(id);
  if (base === undefined) fail({ reason: 'not-found', message: `the engine lost the image ${id}, on which ${names([image])} stands`, advice: 'run again: it is made or pulled anew' });
  const diffIds = base.layers as readonly DiffId[];
  const wanted = engineLayers(image);
  if (diffIds.length < wanted.length || wanted.some((diffId, index) => diffIds[index] !== diffId)) {
    throw new Error(`the lowest layers of ${names([image])} are not those of its base ${id}`);
  }
  return { id, diffIds: wanted };
}

function engineLayers({ layers }: LoadableImage): readonly DiffId[] {
  return layers.filter(({ content }) => content.kind === 'engine').map(({ diffId }) => diffId);
}

/** A cheap look at each image: the right id has the right layers. */
async function areWhole(engine: Engine, images: readonly LoadableImage[], ids: readonly ImageId[]): Promise<boolean> {
  const found = await Promise.all(ids.map((id) => engine.image(id)));
  return found.every((image, index) => {
    const wanted = images[index]!.layers;
    return image !== undefined && image.id === ids[index] && image.layers.length === wanted.length && wanted.every(({ diffId }, at) => image.layers[at] === diffId);
  });
}

/** The containerd store may keep, and tag, an image that lacks parts. */
async function removeBroken(engine: Engine, images: readonly LoadableImage[], ids: readonly ImageId[]): Promise<void> {
  for (const [index, { tags }] of images.entries()) {
    for (const tag of tags) if ((await engine.image(tag))?.id === ids[index]) await engine.removeImage(tag);
    if (tags.length === 0) await engine.removeImage(ids[index]!);
  }
}

function loadOptions({ imageStore, os, architecture }: EngineInfo, signal: AbortSignal | undefined) {
  return { ...(imageStore === 'containerd' ? { platform: { os, architecture } } : {}), ...(signal === undefined ? {} : { signal }) };
}

function refused(cause: Failed): Failed {
  return new Failed(cause.problems.map((problem) => ({ ...problem, reason: 'engine' as const })), { cause });
}

function names(images: readonly LoadableImage[]): string {
  return images.map(({ tags, config }) => tags[0] ?? `an image with a configuration of ${config.length} bytes`).join(', ');
}

function noBase(image: LoadableImage): never {
  throw new Error(`${names([image])} has layers of the engine and no base`);
}
