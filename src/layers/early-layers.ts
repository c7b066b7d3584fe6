import type { Artifact, Part } from '../artifact/artifact.js';
import type { Store } from '../store/store.js';
import { chainOf, unusual } from './artifact-layers.js';
import { largeApart } from './canonical.js';
import type { AboveFolder, Layer } from './layer.js';
import { groupLayer } from './plan-layers.js';
import { earlierPlans } from './stored-plan.js';

/** What the layers of an artifact that is still being made will be made of. */
export interface EarlyIdentity {
  readonly name: string;
  readonly artifact: Pick<Artifact, 'kind' | 'prefix'>;
  readonly above?: readonly AboveFolder[];
}

/** The lowest layers of an artifact, one after the other. */
export interface EarlyLayers {
  /** The layers of the next group (`artifact/part-groups.ts`), which are stored. */
  next(parts: readonly Part[]): AsyncIterable<Layer>;
}

/**
 * Makes layers of an artifact before all of its parts are there. They are what `artifactLayers` will come to if no other part
 * overrides something in them; it decides, and finds them made. Undefined where layers of an earlier version will rather be
 * extended.
 */
export async function earlyLayers({ name, artifact, above = [] }: EarlyIdentity, store: Store): Promise<EarlyLayers | undefined> {
  const folders = unusual(above);
  if ((await earlierPlans(chainOf(name, artifact, folders), store)).length > 0) return undefined;
  async function* next(parts: readonly Part[]): AsyncGenerator<Layer> {
    for (const group of largeApart(parts)) yield await groupLayer({ artifact: { prefix: artifact.prefix, parts: group }, above: folders, store });
  }
  return { next };
}
