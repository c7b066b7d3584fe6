import type { Layer } from '../layers/layer.js';
import type { ImageId } from '../core/identity.js';

/** An assembled image on its way to the engine. */
export interface LoadableImage {
  /** The configuration's JSON, exactly; its SHA-256 is the image's id in engines with a graph driver. */
  readonly config: Buffer;
  /** Bottom first; as many as the configuration has diff ids. */
  readonly layers: readonly Layer[];
  /** Full references that it gets. */
  readonly tags: readonly string[];
  /**
   * How many of the lowest layers the engine surely has (those of an image that it has). A guess that is wrong is
   * noticed: then everything is sent.
   */
  readonly known: number;
  /** An image of the engine with the `engine` layers among these, for a full load; absent if there are none. */
  readonly base?: ImageId;
}

/** Sends images to the engine, none of what it has; resolves to their ids in the same order. `onSent`: all was handed over, and only the engine has work. */
export type LoadImages = (images: readonly LoadableImage[], onSent?: () => void) => Promise<readonly ImageId[]>;

/** Sends an image whose layers others will have, without what the engine has; undefined if the engine takes no such image. */
export type LoadAhead = (image: LoadableImage) => Promise<ImageId | undefined>;
