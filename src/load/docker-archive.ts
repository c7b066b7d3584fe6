import type { ImageId } from '../core/identity.js';
import type { DiffId } from '../layers/layer.js';
import { archiveFile, sha256Hex } from './archive-file.js';
import type { ArchiveFile } from './archive-file.js';
import type { ForeignLayers } from './foreign-layer.js';
import type { LoadableImage } from './port.js';

/** What an engine with a graph driver will call an image. */
export function graphdriverId({ config }: Pick<LoadableImage, 'config'>): ImageId {
  return `sha256:${sha256Hex(config)}` as ImageId;
}

/** Where a layer of ours stands in a docker-archive. */
export function layerPath(diffId: DiffId): string {
  return `${diffId.slice('sha256:'.length)}.tar`;
}

/**
 * What ends a docker-archive: the configurations and `manifest.json`, which lists every layer of every image. The engine
 * opens only the files of layers whose chain it does not have; `foreign` ones stand elsewhere.
 */
export function dockerArchiveEnd(images: readonly LoadableImage[], foreign: ForeignLayers): readonly ArchiveFile[] {
  const configs = new Map(images.map(({ config }) => [`${sha256Hex(config)}.json`, config]));
  const manifest = images.map(({ config, tags, layers }) => ({
    Config: `${sha256Hex(config)}.json`,
    RepoTags: [...tags],
    Layers: layers.map(({ diffId }) => foreign.get(diffId)?.path ?? layerPath(diffId)),
  }));
  return [...[...configs].map(([path, config]) => archiveFile(path, config)), archiveFile('manifest.json', Buffer.from(JSON.stringify(manifest)))];
}
