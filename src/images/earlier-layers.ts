import type { ImageKey } from '../core/identity.js';
import { hashRecord, type Data } from '../core/record.js';
import type { Layer } from '../layers/layer.js';
import type { Store } from '../store/store.js';

/** The layers of an image that was assembled before, under the same name. */
export interface EarlierImage {
  readonly key: ImageKey;
  /** Bottom first. */
  readonly diffIds: readonly string[];
}

/** How many are remembered of a name: branches that are built in turn. */
const REMEMBERED = 6;

/** The last images of that name, the last first. */
export async function readEarlierImages(store: Store, name: string): Promise<readonly EarlierImage[]> {
  const found = await store.getRecord('layers', keyOf(name));
  const images = Array.isArray(found) ? (found as unknown as readonly Partial<EarlierImage>[]) : [];
  return images.filter((image): image is EarlierImage => typeof image.key === 'string' && Array.isArray(image.diffIds));
}

export async function rememberLayers(store: Store, name: string, { key, layers }: { readonly key: ImageKey; readonly layers: readonly Layer[] }): Promise<void> {
  const own: EarlierImage = { key, diffIds: layers.map(({ diffId }) => diffId) };
  const others = (await readEarlierImages(store, name)).filter((one) => one.key !== key);
  await store.putRecord('layers', keyOf(name), [own, ...others].slice(0, REMEMBERED) as unknown as Data, { exists: 'replace' });
}

/** How many of the lowest layers are also the lowest of that image. */
export function commonLayers(layers: readonly Layer[], { diffIds }: EarlierImage): number {
  const at = layers.findIndex(({ diffId }, index) => diffIds[index] !== diffId);
  return at === -1 ? layers.length : at;
}

function keyOf(name: string): string {
  return `order-${hashRecord(name)}`;
}
