import { isDeepStrictEqual } from 'node:util';
import type { Emit } from '../core/events.js';
import { abortReason, Failed, fail } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import type { Engine, EngineInfo } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import type { Store } from '../store/store.js';
import { mapParallel } from '../util/parallel.js';
import { formatFor } from './archive-format.js';
import { baseId, baseOf, engineLayers, nameOf } from './base.js';
import type { ForeignLayer, ForeignLayers } from './foreign-layer.js';
import { readIncremental, writeIncremental } from './incremental.js';
import { asForeign, ownLayers, type OwnLayers } from './own-layers.js';
import type { LoadableImage, LoadAhead, LoadImages } from './port.js';
import { readEngine, rememberEngine } from './remembered-engine.js';
import { ByBuilder } from './by-builder.js';
import { isRefusal, loadWithAll, loadWithout } from './request.js';
import type { LoadContext } from './request.js';
import { storedLayers } from './stored-layers.js';
import { areWhole, removeBroken } from './whole.js';

export interface LoaderOptions {
  readonly engine: Engine;
  readonly store: Store;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
  /** Of images that only have layers, in case a run leaves one behind. */
  readonly labels?: () => Promise<Readonly<Record<string, string>>>;
}

/**
 * Brings images to one engine, all of a call in one request. First without what the engine is said to have; if it refuses,
 * without what it surely has; if it refuses that too, everything, and that is remembered of it (README, "Which way").
 */
export function createLoader({ emit, labels, ...options }: LoaderOptions): { readonly load: LoadImages; readonly ahead: LoadAhead } {
  const builder = new ByBuilder(labels);
  return {
    load: async (images, turn = {}) => {
      if (images.length === 0) return [];
      const context = { ...options, turn };
      const { tried, ids } = await loadUnasked(context, images);
      if (ids !== undefined) return ids;
      const asked = { ...context, info: await options.engine.info() };
      return builder.under(asked, images, (upon, own = turn) => load({ ...asked, turn: own }, upon, { emit, tried }));
    },
    ahead: async (image, turn = {}) => {
      const context = { ...options, turn, info: await options.engine.info() };
      return builder.ahead(context, image, (named) => ahead(context, named));
    },
  };
}

/**
 * To an engine that took such images before, without asking it what it is (`tried`: what it was). No ids if it refuses: one with the other kind of image
 * store does, because it lacks layers in the place where it would look for them. Then, few bytes go again.
 */
async function loadUnasked(context: Omit<LoadContext, 'info'>, images: readonly LoadableImage[]): Promise<{ readonly tried?: EngineInfo; readonly ids?: readonly ImageId[] }> {
  const { engine, store } = context;
  const known = images.map(told);
  const bytes = images.flatMap(({ layers }, index) => layers.slice(known[index])).reduce((sum, { size }) => sum + size, 0);
  const info = known.includes(0) || bytes > FEW ? undefined : await readEngine(store, engine);
  if (info === undefined || (await readIncremental(store, info)) !== 'works') return {};
  const ids = await loadLess({ ...context, info }, images, { known, verify: false });
  return { tried: info, ...(ids === undefined ? {} : { ids }) };
}

/** Bytes. */
const FEW = 4 * 1024 * 1024;

async function load(context: LoadContext, images: readonly LoadableImage[], { emit, tried }: { readonly emit: Emit | undefined; readonly tried: EngineInfo | undefined }): Promise<readonly ImageId[]> {
  const { engine, store, info } = context;
  const state = await readIncremental(store, info);
  if (state === 'refused') return await loadAll(context, images);
  const guess = images.map(told);
  const ids = isDeepStrictEqual(tried, info) ? undefined : await loadLess(context, images, { known: guess, verify: state === 'untried' });
  if (ids !== undefined) return ids;
  const sure = await Promise.all(images.map(async (image) => (engineLayers(image).length === 0 ? 0 : (await baseOf(engine, image)).diffIds.length)));
  if (sure.join() !== guess.join()) {
    emit?.({ type: 'step', subject: 'engine', message: 'it lacks layers that it had: sending them again' });
    const again = await loadLess(context, images, { known: sure, verify: true });
    if (again !== undefined) return again;
  }
  emit?.({ type: 'step', subject: 'engine', message: 'it takes no image without all its layers: sending everything' });
  const all = await loadAll(context, images);
  // Only now it is certain that the images are right, and that what was refused is to leave layers out.
  await writeIncremental(store, info, 'refused');
  return all;
}

/**
 * In one attempt: nothing depends on it, and all bytes would go again with the next one. Once the engine has the whole archive
 * it makes the image, whether somebody waits or not: it is waited for, so that the image can be removed.
 */
async function ahead({ signal, ...context }: LoadContext, image: LoadableImage): Promise<ImageId | undefined> {
  signal?.throwIfAborted();
  const state = await readIncremental(context.store, context.info);
  if (state === 'refused') return undefined;
  const sending = new AbortController();
  const stop = (): void => sending.abort(signal?.reason);
  const onEnd = (): void => signal?.removeEventListener('abort', stop);
  signal?.addEventListener('abort', stop);
  try {
    return (await loadLess({ ...context, signal: sending.signal, onEnd }, [image], { known: [told(image)], verify: state === 'untried' }))?.[0];
  } finally {
    onEnd();
  }
}

/** How many of the lowest layers need not be sent: nobody but the engine can give its own. */
function told(image: LoadableImage): number {
  return Math.max(image.known, engineLayers(image).length);
}

/** The ids; undefined if the engine refused the archive, or took it for something else. */
async function loadLess(context: LoadContext, wanted: readonly LoadableImage[], { known, verify }: { readonly known: readonly number[]; readonly verify: boolean }): Promise<readonly ImageId[] | undefined> {
  const { engine, store, info } = context;
  const images = asSent(wanted, info);
  const leavesOut = known.some((count) => count > 0);
  const own = await ownOf(context, images, known);
  const foreign = info.imageStore === 'containerd' ? await knownBlobs(context, images, own) : NONE;
  const ids = images.map((image) => formatFor(info).id(image, foreign));
  try {
    await loadWithout(context, images, { known, foreign, own });
    if (!verify || (await areWhole(engine, images, ids))) {
      if (verify && leavesOut) await writeIncremental(store, info, 'works');
      await Promise.all([rememberEngine(store, engine, info), tagRest(engine, wanted, { images, ids })]);
      return ids;
    }
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (!leavesOut) {
      await dropBroken(context, images, ids);
      throw inWords(error);
    }
  }
  await dropBroken(context, images, ids);
  if (!leavesOut) notThere(images);
  return undefined;
}

async function loadAll(context: LoadContext, wanted: readonly LoadableImage[]): Promise<readonly ImageId[]> {
  const { engine, info } = context;
  const images = asSent(wanted, info);
  const bases = await Promise.all(images.filter((image) => engineLayers(image).length > 0).map((image) => baseOf(engine, image)));
  const foreign = new Map<DiffId, ForeignLayer>();
  const ids = () => images.map((image) => formatFor(info).id(image, foreign));
  try {
    await loadWithAll(context, images, { bases, foreign, own: await ownOf(context, images, images.map(() => 0)) });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await dropBroken(context, images, ids());
    throw inWords(error);
  }
  if (!(await areWhole(engine, images, ids()))) notThere(images);
  await tagRest(engine, wanted, { images, ids: ids() });
  return ids();
}

/** With the tags that go into the archive. */
function asSent(images: readonly LoadableImage[], info: EngineInfo): readonly LoadableImage[] {
  return formatFor(info).tags === 'all' ? images : images.map((image) => ({ ...image, tags: image.tags.slice(0, 1) }));
}

/** A run that is ended in between leaves images with their first tag, which the next run finds. */
async function tagRest(engine: Engine, wanted: readonly LoadableImage[], { images, ids }: { readonly images: readonly LoadableImage[]; readonly ids: readonly ImageId[] }): Promise<void> {
  const rest = wanted.flatMap(({ tags }, index) => tags.slice(images[index]!.tags.length).map((tag) => [ids[index]!, tag] as const));
  await mapParallel(rest, TAGS_AT_ONCE, ([id, tag]) => engine.tag(id, tag));
}

const TAGS_AT_ONCE = 8;

/** A graph driver keeps no archive: for it, compressing would be for nothing. */
async function ownOf({ info, store, signal }: LoadContext, images: readonly LoadableImage[], known: readonly number[]): Promise<OwnLayers> {
  if (info.imageStore !== 'containerd') return new Map();
  try {
    return await ownLayers(images, known, { store, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    throw signal?.aborted === true ? abortReason(signal) : error;
  }
}

/** As what blobs the engine has the layers that are its own, and gets or has ours. */
async function knownBlobs(context: LoadContext, images: readonly LoadableImage[], own: OwnLayers): Promise<ForeignLayers> {
  const foreign = new Map<DiffId, ForeignLayer>([...own].map(([diffId, layer]) => [diffId, asForeign(layer)]));
  for (const image of images) {
    const engines = engineLayers(image);
    if (engines.every((diffId) => foreign.has(diffId))) continue;
    for (const [diffId, layer] of await storedLayers(context, baseId(image), engines)) foreign.set(diffId, layer);
  }
  return foreign;
}

async function dropBroken({ engine, info }: LoadContext, images: readonly LoadableImage[], ids: readonly ImageId[]): Promise<void> {
  if (info.imageStore === 'containerd') await removeBroken(engine, images, ids);
}

/** It was not the input's fault: what is refused as an archive was written by us. */
function inWords(cause: Failed): Failed {
  return new Failed(cause.problems.map((problem) => ({ ...problem, reason: 'engine' as const })), { cause });
}

function notThere(images: readonly LoadableImage[]): never {
  return fail({ reason: 'engine', message: `the engine took ${images.map(nameOf).join(', ')} and does not have what was sent` });
}

const NONE: ForeignLayers = new Map();
