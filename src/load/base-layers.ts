import { Readable } from 'node:stream';
import { ByteSource } from '../archive/byte-source.js';
import { tarBytes } from '../archive/decompress.js';
import type { TarItem } from '../archive/read-tar.js';
import { Failed } from '../core/failure.js';
import { parseDigest } from '../core/identity.js';
import type { Digest, ImageId } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import type { Store } from '../store/store.js';
import { PLAIN_LAYER, layerMediaType } from './foreign-layer.js';
import { readSavedImage } from './saved-image.js';

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
    await readSavedImage(engine, base, async (item) => {
      const tar = await tarOfLayer(item, missing, base);
      if (tar === undefined) return;
      const { digest, size } = await store.writeBlob(tar, { subject: `a layer of ${base}` });
      if (!missing.delete(digest)) return;
      await store.putRecord('layers', keyOf(`sha256:${digest}`), { size }, { blobs: [digest] });
      found.set(`sha256:${digest}`, digest);
    });
  }
  if (missing.size === 0) return found;
  throw new Failed({
    reason: 'engine',
    message: `the engine exported ${base} without its layer sha256:${[...missing][0]}`,
    advice: 'its image is not whole: pull or build it again',
  });
}

/** A member's tar if it may be one of those layers: its path says so, or it can't be told before it is read. */
async function tarOfLayer({ entry, content }: TarItem, missing: ReadonlySet<string>, base: ImageId): Promise<Readable | undefined> {
  const blob = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(entry.path)?.[1];
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
