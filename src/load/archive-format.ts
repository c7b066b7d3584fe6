import type { ImageId } from '../core/identity.js';
import type { EngineInfo } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import type { ArchiveFile } from './archive-file.js';
import { dockerArchiveEnd, graphdriverId, layerPath } from './docker-archive.js';
import type { ForeignLayers } from './foreign-layer.js';
import { blobPath, containerdId, ociLayoutEnd } from './oci-layout.js';
import type { LoadableImage } from './port.js';

/** One of the two archives that engines load. */
export interface ArchiveFormat {
  /** What the engine knows a layer by. */
  readonly by: 'chain' | 'layer';
  /** With which tags images are sent; the rest is put on them afterwards, where that takes the engine less than in a load. */
  readonly tags: 'all' | 'first';
  /** Where a layer of ours stands. */
  layerPath(diffId: DiffId): string;
  /** All but the layers. It may come last. */
  end(images: readonly LoadableImage[], foreign: ForeignLayers): readonly ArchiveFile[];
  /** What the engine will call the image. */
  id(image: LoadableImage, foreign: ForeignLayers): ImageId;
}

/** The docker-archive for graph drivers, an OCI image layout for containerd. */
export function formatFor({ imageStore }: Pick<EngineInfo, 'imageStore'>): ArchiveFormat {
  return imageStore === 'containerd' ? OCI_LAYOUT : DOCKER_ARCHIVE;
}

const DOCKER_ARCHIVE: ArchiveFormat = { by: 'chain', tags: 'all', layerPath, end: dockerArchiveEnd, id: graphdriverId };
const OCI_LAYOUT: ArchiveFormat = { by: 'layer', tags: 'first', layerPath: blobPath, end: ociLayoutEnd, id: containerdId };
