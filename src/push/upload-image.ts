import { Readable } from 'node:stream';
import type { RegistryClient, BlobSource } from '../registry/client.js';
import type { Descriptor } from '../registry/descriptor.js';
import { MEDIA_TYPES, sha256, type NewManifest } from '../registry/manifest.js';
import type { Limit } from '../util/limit.js';
import type { ImageSource, Moved } from './ready-image.js';

export interface UploadedImage extends Moved {
  readonly manifest: NewManifest;
}

/** Sends the blobs that the repository lacks, straight from their source. The manifest is made and not yet put. */
export async function uploadImage(client: RegistryClient, repository: string, source: ImageSource, limit: Limit): Promise<UploadedImage> {
  const config = configBlob(source.config);
  const moved = { present: 0, mounted: 0, uploaded: 0 };
  // The same layer may be there twice; sent twice at once it would be uploaded twice.
  const blobs = new Map<string, BlobSource & { readonly mountFrom?: string }>([config, ...source.layers].map((blob) => [blob.digest, blob]));
  const sent = await Promise.allSettled(
    [...blobs.values()].map((blob) =>
      limit(async () => {
        const how = await client.uploadBlob(repository, blob, blob.mountFrom === undefined ? {} : { mountFrom: blob.mountFrom });
        moved[how] += blob.size;
      }),
    ),
  );
  for (const one of sent) if (one.status === 'rejected') throw one.reason;
  return {
    manifest: manifestOf({ mediaType: MEDIA_TYPES.ociConfig, digest: config.digest, size: config.size }, source.layers),
    uploadedBytes: moved.uploaded,
    mountedBytes: moved.mounted,
    skippedBytes: moved.present,
  };
}

function configBlob(bytes: Buffer): BlobSource {
  return { digest: sha256(bytes), size: bytes.length, open: (offset) => Readable.from([bytes.subarray(offset)], { objectMode: false }) };
}

/** The same image gives the same bytes: members in a fixed order, nothing that is not content. */
function manifestOf(config: Descriptor, layers: readonly Descriptor[]): NewManifest {
  const plain = ({ mediaType, digest, size }: Descriptor) => ({ mediaType, digest, size });
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: plain(config), layers: layers.map(plain) };
  return { mediaType: MEDIA_TYPES.ociManifest, bytes: Buffer.from(JSON.stringify(manifest)) };
}
