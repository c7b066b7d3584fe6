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

/** An archive's place among others that are on their way to the same engine. */
export interface Turn {
  /**
   * The engine is done with what was sent before, one way or the other: until then the end of the archive is held back, and the engine
   * only keeps its layers. What it leaves out of what was sent before must have been handed over by now.
   */
  readonly after?: Promise<unknown>;
  /** All layers were handed over. */
  readonly onLayers?: () => void;
}

/** Sends images to the engine, none of what it has; resolves to their ids in the same order. */
export type LoadImages = (images: readonly LoadableImage[], turn?: Turn) => Promise<readonly ImageId[]>;

/** Sends an image whose layers others will have, without what the engine has; undefined if the engine takes no such image. */
export type LoadAhead = (image: LoadableImage, turn?: Turn) => Promise<ImageId | undefined>;
