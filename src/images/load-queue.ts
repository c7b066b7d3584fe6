import type { ImageId } from '../core/identity.js';
import { chainId } from '../layers/chain-id.js';
import type { LoadableImage, LoadAhead, LoadImages, Turn } from '../load/port.js';

/**
 * Brings images to the engine in as few loads as possible: those that become ready together go together. One load is worked on
 * by the engine at a time; meanwhile the layers of the next are handed over if they are many, and its end is held back.
 */
export interface LoadQueue {
  /** Images that will be ready in a moment are waited for while this runs. */
  expecting<T>(work: () => Promise<T>): Promise<T>;
  /** Parents must be given before their children. `onLayers`: the engine has all layers of it, or it came to nothing. */
  load(image: LoadableImage, onLayers?: () => void): Promise<ImageId>;
  /** Sends an image whose layers others will have, while there is nothing else to send; undefined if that came to nothing. */
  ahead(image: LoadableImage, isWanted: () => boolean): Promise<ImageId | undefined>;
}

/** How images are sent. */
export interface Sending {
  readonly load: LoadImages;
  readonly ahead: LoadAhead;
}

/** Fewer are handed over in no time: their images wait, and go together with those that become ready until then. Bytes. */
const MANY = 4 * 1024 * 1024;

interface Waiting {
  readonly image: LoadableImage;
  readonly done: (id: ImageId) => void;
  readonly failed: (error: unknown) => void;
  readonly onLayers: () => void;
}

interface Early {
  readonly image: LoadableImage;
  readonly isWanted: () => boolean;
  readonly done: (id: ImageId | undefined) => void;
  readonly failed: (error: unknown) => void;
}

export function createLoadQueue(sending: () => Promise<Sending>): LoadQueue {
  let waiting: Waiting[] = [];
  const early: Early[] = [];
  let expected = 0;
  /** Somebody's layers are being handed over, or held. */
  let opening = false;
  /** What the engine works on; never fails. */
  let working: Promise<void> | undefined;
  /** Chains of layers that this queue loads: they are there before anything that is sent later is looked at. */
  const loaded = new Set<string>();
  return { expecting, load, ahead };

  async function expecting<T>(work: () => Promise<T>): Promise<T> {
    expected += 1;
    try {
      return await work();
    } finally {
      expected -= 1;
      schedule();
    }
  }

  function load(image: LoadableImage, onLayers = (): void => undefined): Promise<ImageId> {
    return new Promise((done, failed) => {
      waiting.push({ image, done, failed, onLayers });
      schedule();
    });
  }

  function ahead(image: LoadableImage, isWanted: () => boolean): Promise<ImageId | undefined> {
    return new Promise((done, failed) => {
      early.push({ image, isWanted, done, failed });
      schedule();
    });
  }

  /** After everything that is ready to run has run: a child may become ready by what its parent just did. */
  function schedule(): void {
    setImmediate(flush);
  }

  function flush(): void {
    if (opening || expected > 0) return;
    const images = (waiting.length > 0 ? waiting : early.slice(0, 1)).map(({ image }) => image);
    if (images.length === 0 || (working !== undefined && bytesOf(images) < MANY)) return;
    begin(waiting.length > 0 ? sendWaiting : sendEarly);
  }

  function begin(send: (turn: Turn) => Promise<void>): void {
    opening = true;
    const before = working;
    let handed = (): void => undefined;
    const handing = new Promise<void>((resolve) => (handed = resolve));
    const work = send({ ...(before === undefined ? {} : { after: before }), onLayers: handed });
    working = Promise.all([before, work]).then(() => undefined);
    const mine = working;
    void mine.then(() => {
      if (working === mine) working = undefined;
      schedule();
    });
    void Promise.race([work, handing.then(() => before)]).then(() => {
      opening = false;
      schedule();
    });
  }

  async function sendWaiting(turn: Turn): Promise<void> {
    const batch = waiting;
    waiting = [];
    const onLayers = (): void => {
      turn.onLayers?.();
      for (const one of batch) one.onLayers();
    };
    const images = told(batch.map(({ image }) => image));
    const forget = remember(images);
    try {
      const { load: send } = await sending();
      const ids = await send(images, { ...turn, onLayers });
      batch.forEach(({ done }, index) => done(ids[index]!));
    } catch (error) {
      forget();
      for (const { failed } of batch) failed(error);
    } finally {
      onLayers();
    }
  }

  async function sendEarly(turn: Turn): Promise<void> {
    const { image, isWanted, done, failed } = early.shift()!;
    if (!isWanted()) return done(undefined);
    const images = told([image]);
    const forget = remember(images);
    try {
      const id = await (await sending()).ahead(images[0]!, turn);
      if (id === undefined) forget();
      done(id);
    } catch (error) {
      forget();
      failed(error);
    }
  }

  function told(images: readonly LoadableImage[]): readonly LoadableImage[] {
    return images.map((image) => ({ ...image, known: Math.max(image.known, knownOf(image)) }));
  }

  function bytesOf(images: readonly LoadableImage[]): number {
    return told(images).flatMap(({ layers, known }) => layers.slice(known)).reduce((sum, { size }) => sum + size, 0);
  }

  function knownOf({ layers }: LoadableImage): number {
    const diffIds = layers.map(({ diffId }) => diffId);
    for (let count = diffIds.length; count > 0; count -= 1) if (loaded.has(chainId(diffIds.slice(0, count)))) return count;
    return 0;
  }

  /** Returns how it is undone: a wrong guess costs the engine's refusal. */
  function remember(images: readonly LoadableImage[]): () => void {
    const chains = images.map(({ layers }) => chainId(layers.map(({ diffId }) => diffId))).filter((chain) => !loaded.has(chain));
    for (const chain of chains) loaded.add(chain);
    return () => chains.forEach((chain) => loaded.delete(chain));
  }
}
