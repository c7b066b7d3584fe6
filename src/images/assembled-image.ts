import { createHash } from 'node:crypto';
import type { OciConfig } from '../assemble/oci-config.js';
import type { ImageId, ImageKey } from '../core/identity.js';
import type { Data } from '../core/record.js';
import type { Layer } from '../layers/layer.js';
import type { Store } from '../store/store.js';

/** An image that was assembled here: all that is needed to bring it to an engine or a registry again. */
export interface AssembledImage {
  readonly config: OciConfig;
  /** The configuration's JSON, exactly. */
  readonly bytes: Buffer;
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** The image of the engine that the layers of kind `engine` are from. */
  readonly base?: ImageId;
}

/** Names it as engines with a graph driver do. */
export function configId({ bytes }: Pick<AssembledImage, 'bytes'>): ImageId {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as ImageId;
}

/** A record of bucket `assembled`. */
interface Stored {
  readonly format: 2;
  readonly config: string;
  readonly layers: readonly Layer[];
  readonly base?: ImageId;
  /** What engines called it. */
  readonly ids: readonly ImageId[];
}

export interface StoredAssembled {
  readonly image: AssembledImage;
  readonly ids: readonly ImageId[];
}

/** Undefined if it was not assembled with this store, or not all of it is there any more. */
export async function readAssembled(store: Store, key: ImageKey): Promise<StoredAssembled | undefined> {
  const stored = (await store.getRecord('assembled', key)) as unknown as Stored | undefined;
  if (stored?.format !== 2) return undefined;
  const { config, layers, base, ids } = stored;
  const image = { config: JSON.parse(config) as OciConfig, bytes: Buffer.from(config), layers, ...(base === undefined ? {} : { base }) };
  return { image, ids };
}

/** Of the same image all names are kept; another one under the same key takes its place. */
export async function writeAssembled(store: Store, key: ImageKey, { image, ids }: StoredAssembled): Promise<void> {
  const before = await readAssembled(store, key);
  const known = before !== undefined && before.image.bytes.equals(image.bytes) ? before.ids : [];
  const stored: Stored = {
    format: 2,
    config: image.bytes.toString(),
    layers: image.layers,
    ...(image.base === undefined ? {} : { base: image.base }),
    ids: [...new Set([...known, ...ids])],
  };
  const blobs = image.layers.flatMap(({ content }) => (content.kind === 'blob' ? [content.blob] : []));
  await store.putRecord('assembled', key, stored as unknown as Data, { blobs, exists: 'replace' });
}
