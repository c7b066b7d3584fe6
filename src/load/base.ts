import { fail } from '../core/failure.js';
import type { Engine } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import type { LoadableImage } from './port.js';
import type { SavedBase } from './saved-layers.js';

/** The layers that only the engine has; they are the lowest. */
export function engineLayers({ layers }: Pick<LoadableImage, 'layers'>): readonly DiffId[] {
  return layers.filter(({ content }) => content.kind === 'engine').map(({ diffId }) => diffId);
}

/** The image of the engine with those layers, looked at now. Fails `not-found` if it is gone. */
export async function baseOf(engine: Engine, image: LoadableImage): Promise<SavedBase> {
  const id = baseId(image);
  const diffIds = engineLayers(image);
  const found = await engine.image(id);
  if (found === undefined) {
    fail({ reason: 'not-found', message: `the engine has lost the image ${id}, on which ${nameOf(image)} stands`, advice: 'run the command again: it is pulled or made anew' });
  }
  if (diffIds.some((diffId, index) => found.layers[index] !== diffId)) throw new Error(`the lowest layers of ${nameOf(image)} are not those of its base ${id}`);
  return { id, diffIds };
}

export function baseId(image: LoadableImage): NonNullable<LoadableImage['base']> {
  if (image.base === undefined) throw new Error(`${nameOf(image)} has layers of the engine and no base`);
  return image.base;
}

/** For messages. */
export function nameOf({ tags }: LoadableImage): string {
  return tags[0] ?? 'an image without a tag';
}
