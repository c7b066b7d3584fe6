import type { Readable } from 'node:stream';
import type { Digest } from '../core/identity.js';
import type { Layer } from '../layers/layer.js';
import type { Store } from '../store/store.js';

/** The tar of a layer that is a blob. */
export async function openLayer({ content, diffId }: Layer, store: Store): Promise<Readable> {
  if (content.kind !== 'blob') throw new Error(`the layer ${diffId} is no blob`);
  return store.readBlob(content.blob as Digest);
}
