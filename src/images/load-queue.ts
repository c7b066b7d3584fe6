import type { ImageId } from '../core/identity.js';
import { chainId } from '../layers/chain-id.js';
import type { LoadableImage, LoadAhead, LoadImages } from '../load/port.js';

/** Brings images to the engine in as few loads as possible: those that become ready together go together. */
export interface LoadQueue {
  /** Images that will be ready in a moment are waited for while this runs. */
  expecting<T>(work: () => Promise<T>): Promise<T>;
  /** Parents must be given before their children. `onSent`: the engine has all of it, or it came to nothing. */
  load(image: LoadableImage, onSent?: () => void): Promise<ImageId>;
  /** Sends an image whose layers others will have, while there is nothing else to send; undefined if that came to nothing. */
  ahead(image: LoadableImage, isWanted: () => boolean): Promise<ImageId | undefined>;
}

/** How images are sent. */
export interface Sending {
  readonly load: LoadImages;
  readonly ahead: LoadAhead;
}

interface Waiting {
  readonly image: LoadableImage;
  readonly done: (id: ImageId) => void;
  readonly failed: (error: unknown) => void;
  readonly onSent: () => void;
}

export function createLoadQueue(sending: () => Promise<Sending>): LoadQueue {
  let waiting: Waiting[] = [];
  let expected = 0;
  let loading = false;
  /** Chains of layers that were loaded by this queue. */
  const loaded = new Set<string>();
  const early: (() => Promise<void>)[] = [];
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

  function load(image: LoadableImage, onSent = (): void => undefined): Promise<ImageId> {
    return new Promise((done, failed) => {
      waiting.push({ image, done, failed, onSent });
      schedule();
    });
  }

  function ahead(image: LoadableImage, isWanted: () => boolean): Promise<ImageId | undefined> {
    return new Promise((done, failed) => {
      early.push(async () => {
        try {
          const id = isWanted() ? await (await sending()).ahead({ ...image, known: Math.max(image.known, knownOf(image)) }) : undefined;
          if (id !== undefined) remember(image);
          done(id);
        } catch (error) {
          failed(error);
        }
      });
      schedule();
    });
  }

  /** After everything that is ready to run has run: a child may become ready by what its parent just did. */
  function schedule(): void {
    setImmediate(() => void flush());
  }

  async function flush(): Promise<void> {
    if (loading || expected > 0) return;
    const work = waiting.length > 0 ? sendWaiting : early.shift();
    if (work === undefined) return;
    loading = true;
    await work();
    loading = false;
    schedule();
  }

  async function sendWaiting(): Promise<void> {
    const batch = waiting;
    waiting = [];
    const sent = (): void => batch.forEach(({ onSent }) => onSent());
    try {
      const { load: send } = await sending();
      const ids = await send(batch.map(({ image }) => ({ ...image, known: Math.max(image.known, knownOf(image)) })), sent);
      for (const { image } of batch) remember(image);
      batch.forEach(({ done }, index) => done(ids[index]!));
    } catch (error) {
      for (const { failed } of batch) failed(error);
    } finally {
      sent();
    }
  }

  function knownOf({ layers }: LoadableImage): number {
    const diffIds = layers.map(({ diffId }) => diffId);
    for (let count = diffIds.length; count > 0; count -= 1) if (loaded.has(chainId(diffIds.slice(0, count)))) return count;
    return 0;
  }

  function remember({ layers }: LoadableImage): void {
    loaded.add(chainId(layers.map(({ diffId }) => diffId)));
  }
}
