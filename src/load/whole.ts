import type { ImageId } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';
import type { LoadableImage } from './port.js';

/** A cheap look at each image: that id has those layers. */
export async function areWhole(engine: Engine, images: readonly LoadableImage[], ids: readonly ImageId[]): Promise<boolean> {
  const found = await Promise.all(ids.map((id) => engine.image(id)));
  return found.every((image, index) => image?.id === ids[index] && image?.layers.join() === images[index]!.layers.map(({ diffId }) => diffId).join());
}

/** The containerd store keeps, and tags, an image that lacks parts when it refuses it. */
export async function removeBroken(engine: Engine, images: readonly LoadableImage[], ids: readonly ImageId[]): Promise<void> {
  for (const [index, { tags }] of images.entries()) {
    for (const tag of tags) if ((await engine.image(tag))?.id === ids[index]) await engine.removeImage(tag);
    if (tags.length === 0) await engine.removeImage(ids[index]!);
  }
}
