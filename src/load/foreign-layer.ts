import type { DiffId } from '../layers/layer.js';

/** A layer that is not as we write it: the engine has it, or it came out of the engine, perhaps compressed. */
export interface ForeignLayer {
  /** Its path in an image archive of the engine's. */
  readonly path: string;
  readonly mediaType: string;
  /** Bytes, as it is. */
  readonly size: number;
}

export type ForeignLayers = ReadonlyMap<DiffId, ForeignLayer>;

/** OCI's media type of an uncompressed layer; `+gzip` and `+zstd` are the compressed ones. */
export const PLAIN_LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** The media type by the first bytes. */
export function layerMediaType(start: Buffer): string {
  const magic = start.subarray(0, 4).toString('hex');
  if (magic.startsWith('1f8b')) return `${PLAIN_LAYER}+gzip`;
  return magic === '28b52ffd' ? `${PLAIN_LAYER}+zstd` : PLAIN_LAYER;
}
