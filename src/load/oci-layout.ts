import type { ImageId } from '../core/identity.js';
import { canonicalName, parseReference } from '../docker/reference.js';
import { archiveFile, sha256Hex } from './archive-file.js';
import type { ArchiveFile } from './archive-file.js';
import { PLAIN_LAYER } from './foreign-layer.js';
import type { ForeignLayers } from './foreign-layer.js';
import type { LoadableImage } from './port.js';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** Where a blob stands in an OCI image layout. */
export function blobPath(digest: string): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}

function digestAt(path: string): string {
  return `sha256:${path.slice(path.lastIndexOf('/') + 1)}`;
}

/**
 * An image's manifest: layers that we send are plain tars under their diff ids, the others are as the engine has them.
 * The same image gives the same bytes, so that the id is known before the load.
 */
export function ociManifest({ config, layers }: LoadableImage, foreign: ForeignLayers): Buffer {
  return Buffer.from(JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: `sha256:${sha256Hex(config)}`, size: config.length },
    layers: layers.map(({ diffId, size }) => {
      const layer = foreign.get(diffId);
      return layer === undefined ? { mediaType: PLAIN_LAYER, digest: diffId, size } : { mediaType: layer.mediaType, digest: digestAt(layer.path), size: layer.size };
    }),
  }));
}

/** What an engine with the containerd image store will call an image. */
export function containerdId(image: LoadableImage, foreign: ForeignLayers): ImageId {
  return `sha256:${sha256Hex(ociManifest(image, foreign))}` as ImageId;
}

/** What ends an OCI layout: configurations, manifests, and the index with an entry for each tag. */
export function ociLayoutEnd(images: readonly LoadableImage[], foreign: ForeignLayers): readonly ArchiveFile[] {
  const blobs = new Map<string, Buffer>();
  const manifests = images.flatMap((image) => {
    const bytes = ociManifest(image, foreign);
    const digest = `sha256:${sha256Hex(bytes)}`;
    blobs.set(blobPath(`sha256:${sha256Hex(image.config)}`), image.config).set(blobPath(digest), bytes);
    const descriptor = { mediaType: MANIFEST, digest, size: bytes.length };
    return image.tags.length === 0 ? [descriptor] : image.tags.map((tag) => ({ ...descriptor, annotations: { 'io.containerd.image.name': fullName(tag) } }));
  });
  return [
    ...[...blobs].map(([path, bytes]) => archiveFile(path, bytes)),
    archiveFile('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }))),
    archiveFile('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')),
  ];
}

/** containerd takes names as they are: with the registry, and with a tag. */
export function fullName(tag: string): string {
  const reference = parseReference(tag);
  if (reference === undefined) throw new Error(`not an image reference: ${tag}`);
  return `${canonicalName(reference)}:${reference.tag ?? 'latest'}`;
}
