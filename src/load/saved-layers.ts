import { createHash } from 'node:crypto';
import type { TarPack } from '../archive/pack-tar.js';
import { Failed } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import { archiveStream } from './archive-file.js';
import { layerMediaType } from './foreign-layer.js';
import type { ForeignLayer, ForeignLayers } from './foreign-layer.js';
import { readSavedImage } from './saved-image.js';

export interface SavedBase {
  readonly id: ImageId;
  /** Of its lowest layers. */
  readonly diffIds: readonly DiffId[];
}

/** Writes the layers of these images into an archive, out of the engine's own export and as it names and has them. */
export async function passSavedLayers(engine: Engine, bases: readonly SavedBase[], pack: TarPack): Promise<ForeignLayers> {
  const passed = new Map<string, ForeignLayer & { readonly plainDigest: string | undefined }>();
  const foreign = new Map<DiffId, ForeignLayer>();
  for (const { id, diffIds } of bases) {
    if (diffIds.every((diffId) => foreign.has(diffId))) continue;
    const paths = await readSavedImage(engine, id, async ({ entry, content }) => {
      if (entry.type !== 'file' || passed.has(entry.path)) return;
      const { path, size } = entry;
      const hash = createHash('sha256');
      let start: Buffer | undefined;
      const item = archiveStream(path, size, (async function* () {
        for await (const chunk of content as AsyncIterable<Buffer>) {
          start ??= chunk;
          hash.update(chunk);
          yield chunk;
        }
      })());
      await pack.entry(item.entry, item.content);
      const mediaType = layerMediaType(start ?? Buffer.alloc(0));
      const digest = `sha256:${hash.digest('hex')}`;
      passed.set(path, { path, size, mediaType, plainDigest: /\+/.test(mediaType) ? undefined : digest });
    });
    for (const [index, diffId] of diffIds.entries()) {
      const layer = passed.get(paths[index] ?? '');
      if (layer === undefined || (layer.plainDigest ?? diffId) !== diffId) {
        throw new Failed({ reason: 'engine', message: `the engine exported ${id} without its layer ${diffId}`, advice: 'its image is not whole: pull or build it again' });
      }
      foreign.set(diffId, { path: layer.path, mediaType: layer.mediaType, size: layer.size });
    }
  }
  return foreign;
}
