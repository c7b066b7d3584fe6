import { Readable } from 'node:stream';
import { ByteSource } from '../archive/byte-source.js';
import { tarBytes } from '../archive/decompress.js';
import { parseDigest } from '../core/identity.js';
import type { Digest, ImageId } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import type { Store } from '../store/store.js';
import { PLAIN_LAYER, layerMediaType } from './foreign-layer.js';
import { readSavedImage } from './saved-image.js';
import type { SavedFile } from './saved-image.js';
import { missingLayer } from './saved-layers.js';

/**
 * Puts layers of an image that only the engine has into the store, as tars whose digests are the diff ids. They come out of
 * one export of the image, which passes by as a stream, and once: the store remembers them.
 */
export async function exportLayers(engine: Engine, store: Store, base: ImageId, diffIds: readonly DiffId[]): Promise<Map<DiffId, Digest>> {
  const found = new Map<DiffId, Digest>();
  const missing = new Set<string>();
  for (const diffId of diffIds) {
    const digest = parseDigest(hexOf(diffId));
    if (digest === undefined) throw new Error(`not a diff id: ${diffId}`);
    if ((await store.getRecord('layers', keyOf(diffId))) !== undefined && (await store.hasBlob(digest))) found.set(diffId, digest);
    else missing.add(digest);
  }
  if (missing.size > 0) {
    for await (const file of readSavedImage(engine, base)) {
      const tar = await tarOfLayer(file, missing, base);
      if (tar === undefined) continue;
      const { digest, size } = await store.writeBlob(tar, { subject: `a layer of ${base}` });
      if (!missing.delete(digest)) continue;
      await store.putRecord('layers', keyOf(`sha256:${digest}`), { size }, { blobs: [digest] });
      found.set(`sha256:${digest}`, digest);
    }
  }
  for (const digest of missing) missingLayer(base, `sha256:${digest}`);
  return found;
}

/** A file's tar if it may be one of those layers: its path says so, or it can't be told before it is read. */
async function tarOfLayer({ path, content }: SavedFile, missing: ReadonlySet<string>, base: ImageId): Promise<Readable | undefined> {
  const blob = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
  if (blob === undefined || missing.has(blob)) return content;
  const bytes = new ByteSource(content);
  if (layerMediaType(await bytes.peek(4)) === PLAIN_LAYER) return undefined;
  return Readable.from(tarBytes(Readable.from(bytes.rest(), { objectMode: false }), `a layer of ${base}`), { objectMode: false });
}

function hexOf(diffId: DiffId): string {
  return diffId.slice('sha256:'.length);
}

function keyOf(diffId: DiffId): string {
  return `base-${hexOf(diffId)}`;
}
