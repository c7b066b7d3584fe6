import type { Readable } from 'node:stream';
import type { Digest } from '../core/identity.js';
import { MissingBlob, type Store } from '../store/store.js';
import { composeLayer } from './compose-layer.js';
import type { Layer } from './layer.js';
import { findContent } from './stored-layer.js';

/** A layer's tar, exactly `layer.size` bytes; errors of pieces (missing, corrupt) are the stream's. The engine's own layers can't be had. */
export async function openLayer({ content, diffId }: Layer, store: Store): Promise<Readable> {
  switch (content.kind) {
    case 'blob':
      return store.readBlob(content.blob);
    case 'recipe': {
      const pieces = await findContent(content.recipe, store);
      if (pieces === undefined) throw new MissingBlob(diffId.slice('sha256:'.length) as Digest);
      return composeLayer(pieces, store);
    }
    case 'engine':
      throw new Error(`only the engine has the layer ${diffId}`);
  }
}
