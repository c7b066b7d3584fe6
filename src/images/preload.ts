import type { Part } from '../artifact/artifact.js';
import type { ImageId } from '../core/identity.js';
import type { Layer } from '../layers/layer.js';
import type { EarlyLayers } from '../layers/early-layers.js';
import { layersConfig } from '../load/layers-config.js';
import type { LoadableImage } from '../load/port.js';
import type { ParentImage } from './assemble-image.js';

/** Less is not worth a load of its own, nor a call of an engine's builder. Bytes. */
const WORTH = 2 * 1024 * 1024;
const WORTH_CALL = 16 * 1024 * 1024;
/** One that the engine works on, and one whose layers it is given meanwhile, where it takes them. */
const AT_ONCE = 2;

/** What will lie right below an artifact's layers. */
export interface Foundation {
  readonly parent: Pick<ParentImage, 'config' | 'layers' | 'base'>;
  /** How many of the parent's layers the engine surely has. */
  readonly known: number;
  readonly early: EarlyLayers;
  /** The engine takes one image at a time, and long for each, so it is sent all that is there; else as few layers as are worth it, so that who has to wait for the engine does not wait long. */
  readonly isOneByOne: boolean;
}

export interface PreloadOptions {
  /** Undefined: nothing can be sent ahead. */
  readonly foundation: () => Promise<Foundation | undefined>;
  readonly send: (image: LoadableImage, isWanted: () => boolean) => Promise<ImageId | undefined>;
  readonly remove: (image: ImageId) => Promise<void>;
  readonly labels: () => Promise<Readonly<Record<string, string>>>;
}

/**
 * Sends an artifact's lowest layers while the others are still being made, as images without a name that are removed
 * again: the engine unpacks meanwhile. It decides nothing. What it sent is left out later if it is right, and is of no use
 * if it is not; what fails here is given up without a word, since all of it is done again in earnest.
 */
export class Preload {
  readonly #options: PreloadOptions;
  #foundation: Promise<Foundation | undefined> | undefined;
  readonly #layers: Layer[] = [];
  #making: Promise<void> = Promise.resolve();
  readonly #sending = new Set<Promise<void>>();
  /** Layers. */
  #asked = 0;
  #ended = false;
  readonly #images = new Set<ImageId>();

  constructor(options: PreloadOptions) {
    this.#options = options;
  }

  /** The parts of the next group. */
  add(parts: readonly Part[]): void {
    this.#making = this.#making.then(() => this.#make(parts)).catch(() => this.#giveUp());
  }

  /** Begins nothing any more; resolves when no layer is being made. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#making;
  }

  /** Removes what was sent; the layers of other images stay. What an engine can't remove now is removed as a killed run's. */
  async clear(): Promise<void> {
    await this.end();
    await Promise.all(this.#sending);
    await this.#removeBut().catch(() => undefined);
  }

  async #make(parts: readonly Part[]): Promise<void> {
    if (this.#ended) return;
    const foundation = await (this.#foundation ??= this.#options.foundation());
    if (foundation === undefined) return this.#giveUp();
    for await (const layer of foundation.early.next(parts)) {
      this.#layers.push(layer);
      this.#proceed(foundation);
    }
  }

  #proceed(foundation: Foundation): void {
    const { isOneByOne } = foundation;
    while (!this.#ended && this.#sending.size < (isOneByOne ? 1 : AT_ONCE)) {
      const count = this.#worth(isOneByOne);
      if (count === undefined) return;
      this.#asked = count;
      const sending = this.#send(foundation, count)
        .catch(() => this.#giveUp())
        .finally(() => {
          this.#sending.delete(sending);
          this.#proceed(foundation);
        });
      this.#sending.add(sending);
    }
  }

  #worth(isOneByOne: boolean): number | undefined {
    const least = isOneByOne ? WORTH_CALL : WORTH;
    let bytes = 0;
    const last = this.#layers.findIndex(({ size }, index) => index >= this.#asked && (bytes += size) >= least);
    return last === -1 ? undefined : isOneByOne ? this.#layers.length : last + 1;
  }

  async #send({ parent, known }: Foundation, count: number): Promise<void> {
    const layers = [...parent.layers, ...this.#layers.slice(0, count)];
    const image = { config: layersConfig(parent.config, layers, await this.#options.labels()), layers, tags: [], known, ...(parent.base === undefined ? {} : { base: parent.base }) };
    const id = await this.#options.send(image, () => !this.#ended);
    if (id === undefined) return this.#giveUp();
    this.#images.add(id);
    await this.#removeBut(id);
  }

  async #removeBut(kept?: ImageId): Promise<void> {
    for (const id of [...this.#images]) {
      if (id === kept) continue;
      await this.#options.remove(id);
      this.#images.delete(id);
    }
  }

  #giveUp(): void {
    this.#ended = true;
  }
}
