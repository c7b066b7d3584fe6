import type { Problem } from '../core/failure.js';
import type { Place } from '../core/place.js';

/** An image can't be built since its parent is not there and is not to be built either. */
export function missingParent(name: string, parent: string, place?: Place): Problem {
  return {
    reason: 'usage',
    message: `${name} is built from ${parent}, which is not built as it now is, and is not among the images that were asked for`,
    ...(place === undefined ? {} : { place }),
    advice: `build ${parent} too: \`artifacts images --upto ${name}\``,
  };
}
