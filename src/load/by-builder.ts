import { Failed } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import { chainId } from '../layers/chain-id.js';
import type { Layer } from '../layers/layer.js';
import { openLayer } from '../layers/open-layer.js';
import { findContent } from '../layers/stored-layer.js';
import type { Store } from '../store/store.js';
import { layersConfig, type Platform } from './layers-config.js';
import { readIncremental } from './incremental.js';
import { isByBuilder } from './is-by-builder.js';
import type { LoadableImage, Turn } from './port.js';
import type { LoadContext } from './request.js';

/** Fewer are loaded as soon as unpacked. Bytes. */
const MANY = 4 * 1024 * 1024;

/** At a registry that is nowhere: nobody is asked for what is gone. */
const REPOSITORY = 'localhost/wheelwright-ahead';

/**
 * Brings layers to one engine by its builder, where that is quicker than a load. The builder packs what it unpacked in the order and form that we do, so that
 * its layers are ours; where they are not, or it can't, they are loaded.
 */
export class ByBuilder {
  /** Names of images that only have layers, which say what layers; the highest alone is sure to be there. */
  readonly #sent = new Set<string>();
  readonly #labels: (() => Promise<Readonly<Record<string, string>>>) | undefined;
  readonly #tidying: Promise<void>[] = [];
  #begun = false;
  /** The builder's layers were other than ours, or it made none. */
  #useless = false;

  /** `labels`: by which an image that only has layers is known for one; without them, none is made but by `ahead`. */
  constructor(labels?: () => Promise<Readonly<Record<string, string>>>) {
    this.#labels = labels;
  }

  /** `load` sends an image, with the name that it is given. */
  async ahead(context: LoadContext, image: LoadableImage, load: (image: LoadableImage) => Promise<ImageId | undefined>): Promise<ImageId | undefined> {
    if (!isByBuilder(context.info)) return load(image);
    const isFirst = !this.#begun;
    this.#begun = true;
    const { turn } = context;
    const send = async (): Promise<ImageId | undefined> => {
      const name = nameOf(image.layers);
      const id = await this.#upon(context, image.layers, (known) => load({ ...image, tags: [name], known: Math.max(image.known, known) }));
      if (id !== undefined) this.#sent.add(name);
      return id;
    };
    if (!isFirst) {
      turn?.onLayers?.();
      await turn?.after;
      return send();
    }
    const { start, tars } = await heaviest([image], ({ known }) => known, context.store);
    if (bytesOf(tars) < MANY || start === 0) return send();
    return this.#onGround(context, { image, count: start, load: async ([ground]) => [await load(ground!)] }, send);
  }

  /** Loads images; before, what the builder can unpack of the layers that most of their bytes are in, if these are many. */
  async under(context: LoadContext, images: readonly LoadableImage[], load: LoadAll): Promise<readonly ImageId[]> {
    try {
      return await this.#under(context, images, load);
    } finally {
      await Promise.all(this.#tidying.splice(0));
    }
  }

  async #under(context: LoadContext, images: readonly LoadableImage[], load: LoadAll): Promise<readonly ImageId[]> {
    if (!isByBuilder(context.info) || this.#useless || (await readIncremental(context.store, context.info)) === 'refused') return load(images);
    const { image, start, tars } = await heaviest(images, (one) => Math.max(one.known, this.#known(one.layers)), context.store);
    const isThere = this.#known(image.layers) === start;
    if (bytesOf(tars) < MANY || start === 0 || (!isThere && this.#labels === undefined)) return load(images);
    await context.turn?.after;
    const send = (): Promise<readonly ImageId[]> => {
      const layers = image.layers.slice(0, start + tars.length);
      return this.#upon(context, layers, (known) => load(images.map((one) => ({ ...one, known: Math.max(one.known, Math.min(known, inCommon(one.layers, layers))) }))));
    };
    return isThere ? send() : this.#onGround(context, { image, count: start, load }, send);
  }

  /** While the engine has an image of the lowest layers, to unpack others on. */
  async #onGround<T>({ engine }: LoadContext, { image, count, load }: Ground, work: () => Promise<T>): Promise<T> {
    const id = await this.#ground(image, count, load);
    try {
      return await work();
    } finally {
      this.#sent.delete(nameOf(image.layers.slice(0, count)));
      if (id !== undefined) await engine.removeImage(id);
    }
  }

  async #ground({ config, layers, known, base }: LoadableImage, count: number, load: LoadGround): Promise<ImageId | undefined> {
    const lowest = layers.slice(0, count);
    const name = nameOf(lowest);
    const labels = (await this.#labels?.()) ?? {};
    const [id] = await load([{ config: layersConfig(JSON.parse(config.toString()) as Platform, lowest, labels), layers: lowest, tags: [name], known, ...(base === undefined ? {} : { base }) }], {});
    if (id !== undefined) this.#sent.add(name);
    return id;
  }

  /** While the engine has as many of the lowest layers as it could be given; 0: nothing is known of them. */
  async #upon<T>({ engine, store, signal }: LoadContext, layers: readonly Layer[], work: (known: number) => Promise<T>): Promise<T> {
    const from = this.#known(layers);
    const tars = from === 0 || this.#useless ? [] : await unpackable(layers.slice(from), store);
    const name = nameOf(layers.slice(0, from));
    // It may be gone: what was sent ahead is removed as soon as its images are there.
    if (tars.length === 0 || (await engine.image(name)) === undefined) return work(0);
    const id = await engine
      .unpack({ from: name, tars: tars.map((layer) => () => openLayer(layer, store)), tidying: (ended) => void this.#tidying.push(ended), ...(signal === undefined ? {} : { signal }) })
      .catch(refused);
    if (id === undefined) {
      this.#useless = true;
      return work(0);
    }
    try {
      const has = (await engine.image(id))?.layers ?? [];
      const known = inCommon(layers, has.map((diffId) => ({ diffId })));
      this.#useless = known <= from;
      return await work(known);
    } finally {
      await engine.removeImage(id);
    }
  }

  /** How many of the lowest layers an image has that was sent ahead. */
  #known(layers: readonly Layer[]): number {
    return layers.findLastIndex((_, index) => this.#sent.has(nameOf(layers.slice(0, index + 1)))) + 1;
  }
}

interface Ground {
  readonly image: LoadableImage;
  /** Of its layers. */
  readonly count: number;
  readonly load: LoadGround;
}

/** An id may be undefined: it came to nothing. */
type LoadGround = (images: readonly LoadableImage[], turn?: Turn) => Promise<readonly (ImageId | undefined)[]>;

/** `turn`: another than that of the context. */
type LoadAll = (images: readonly LoadableImage[], turn?: Turn) => Promise<readonly ImageId[]>;

/** The image of which most can be unpacked, above the layers from `start` on. `from`: how many the engine has. */
async function heaviest(images: readonly LoadableImage[], from: (image: LoadableImage) => number, store: Store): Promise<{ readonly image: LoadableImage; readonly start: number; readonly tars: readonly Layer[] }> {
  const found = await Promise.all(images.map(async (image) => {
    const first = image.layers.findIndex(({ content }, index) => index >= from(image) && content.kind === 'recipe');
    const start = first < 0 ? image.layers.length : first;
    return { image, start, tars: await unpackable(image.layers.slice(start), store) };
  }));
  return found.reduce((most, one) => (bytesOf(one.tars) > bytesOf(most.tars) ? one : most));
}

function bytesOf(layers: readonly Layer[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}

/** What the builder finds it by. */
function nameOf(layers: readonly Layer[]): string {
  return `${REPOSITORY}:${chainId(layers.map(({ diffId }) => diffId)).replace(/^sha256:/, '').slice(0, 32)}`;
}

/**
 * The lowest of these, as long as they are made of pieces (what instructions copy may be in another order) and remove nothing: `tar` would write a mark of
 * removal as a file, which the engine would pack as what it looks like.
 */
async function unpackable(layers: readonly Layer[], store: Store): Promise<readonly Layer[]> {
  const adds = async ({ content }: Layer): Promise<boolean> => content.kind === 'recipe' && (await findContent(content.recipe, store))?.removed.length === 0;
  const found = await Promise.all(layers.map(adds));
  return layers.slice(0, found.includes(false) ? found.indexOf(false) : found.length);
}

function inCommon(one: readonly Pick<Layer, 'diffId'>[], other: readonly { readonly diffId: string }[]): number {
  const end = one.findIndex(({ diffId }, index) => diffId !== other[index]?.diffId);
  return end < 0 ? one.length : end;
}

/** The builder's refusal only means that it is of no use. */
function refused(error: unknown): undefined {
  if (!(error instanceof Failed) || !error.has('build')) throw error;
}
