import type { ImageKey } from '../core/identity.js';
import type { BlobSource } from '../registry/client.js';

/** An image that can be pushed now. */
export interface ReadyImage {
  /** Short name. */
  readonly name: string;
  readonly key: ImageKey;
  readonly repository: string;
  /** Full references of `repository`, the key tag first. */
  readonly tags: readonly string[];
  /** Names of images that it shares layers with: where they are pushed too, they go first, so that layers are sent once. */
  readonly parents: readonly string[];
  /** Opens its content, where the registry lacks it. Absent, or undefined: the engine has the image and pushes it. */
  readonly source?: () => Promise<ImageSource | undefined>;
}

/** An image's content, compressed as it is to be sent. */
export interface ImageSource {
  /** The configuration, OCI's JSON. */
  readonly config: Buffer;
  /** Bottom first. */
  readonly layers: readonly LayerSource[];
}

/** A layer as it is sent: digest and size are of the compressed bytes. */
export interface LayerSource extends BlobSource {
  /** Of the tar; `sha256:<hex>`. */
  readonly diffId: string;
  readonly mediaType: string;
  /** A repository of the same registry that may have it. */
  readonly mountFrom?: string;
}

export interface PushResult {
  readonly name: string;
  readonly key: ImageKey;
  /** Of the manifest, `sha256:<hex>`. */
  readonly digest: string;
  /** Full references. */
  readonly tags: readonly string[];
  /** `present`: the registry had all. `retagged`: it had the image, and some tag was set. */
  readonly status: 'pushed' | 'present' | 'retagged';
  /** Bytes of layers and configuration that were sent. */
  readonly uploadedBytes: number;
  /** Bytes that the registry took over from another repository of its own. */
  readonly mountedBytes: number;
  /** Bytes that it had in this repository. */
  readonly skippedBytes: number;
}

/** Where the bytes of one pushed image came from. */
export type Moved = Pick<PushResult, 'uploadedBytes' | 'mountedBytes' | 'skippedBytes'>;
