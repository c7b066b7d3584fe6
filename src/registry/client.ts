import type { Readable } from 'node:stream';
import type { Descriptor } from './descriptor.js';
import type { Manifest, NewManifest } from './manifest.js';

/**
 * A client of container registries (OCI distribution spec 1.1). A repository is named as in image references,
 * `registry.example.com:5000/team/web`. What a registry says is checked before it is believed. Everything is tried again
 * where that may help; what stays wrong is `Failed` with reason `registry`, `unsupported`, `integrity` or `offline`.
 */
export interface RegistryClient {
  /** Fails unless the repository may be pushed to; nothing is left behind. */
  checkPush(repository: string): Promise<void>;
  /** Undefined where the registry has no such tag or digest, or no such repository. */
  headManifest(repository: string, reference: string): Promise<Descriptor | undefined>;
  getManifest(repository: string, reference: string): Promise<Manifest | undefined>;
  /** All that the manifest names must be there already. Under another tag of the same repository: a retag, no blob moves. */
  putManifest(repository: string, reference: string, manifest: NewManifest): Promise<Descriptor>;
  /** False if it is not there; `unsupported` where the registry does not delete. */
  deleteManifest(repository: string, digest: string): Promise<boolean>;
  hasBlob(repository: string, digest: string): Promise<boolean>;
  /** A small blob, such as an image's configuration. */
  getBlob(repository: string, digest: string, limit: number): Promise<Buffer | undefined>;
  /** Lets a blob of another repository of the same registry appear in this one; false where the registry won't. */
  mountBlob(repository: string, digest: string, from: string): Promise<boolean>;
  /** Uploads a blob that the repository lacks; mounts it from `mountFrom` if the registry can. */
  uploadBlob(repository: string, blob: BlobSource, options?: UploadOptions): Promise<'present' | 'mounted' | 'uploaded'>;
  /** Undefined where there is no such repository. */
  listTags(repository: string): Promise<readonly string[] | undefined>;
}

/** Bytes that can be read from any offset, as often as needed. */
export interface BlobSource {
  /** `sha256:<hex>` */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  open(offset: number): Promise<Readable> | Readable;
}

export interface UploadOptions {
  /** A repository of the same registry that may have it. */
  readonly mountFrom?: string;
  /** The bytes that the registry has so far. */
  readonly onProgress?: (bytes: number) => void;
}
