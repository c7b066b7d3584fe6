import { fail } from '../core/failure.js';
import type { FreshImage } from './assemble-image.js';
import { targetOf, type ImageNode } from './node.js';

/** Of an image. A graph driver takes 127, and the engine adds two for each container. */
const MAX_LAYERS = 125;

/** An image as layers on layers, or, where that is more than engines take, as contents alone say. */
export async function withinLimit(node: ImageNode, canonical: boolean, lay: (canonical: boolean) => Promise<FreshImage>): Promise<FreshImage> {
  const fresh = await lay(canonical);
  if (fits(fresh)) return fresh;
  const least = canonical ? fresh : await lay(true);
  if (fits(least)) return least;
  return fail({
    reason: 'build',
    message: `it would have ${least.image.layers.length} layers, and engines take ${MAX_LAYERS}`,
    place: node.resolved.dockerfile.source.place(targetOf(node).stage.from.start),
    advice: 'join COPY instructions, each of which is a layer',
  });
}

function fits({ image }: FreshImage): boolean {
  return image.layers.length <= MAX_LAYERS;
}
