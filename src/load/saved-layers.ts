import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Failed } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import type { ArchiveFile } from './archive-file.js';
import { PLAIN_LAYER, layerMediaType } from './foreign-layer.js';
import type { ForeignLayer } from './foreign-layer.js';
import { readSavedImage } from './saved-image.js';

/** An image with layers that only the engine has. */
export interface SavedBase {
  readonly id: ImageId;
  /** Of those layers, bottom first. */
  readonly diffIds: readonly DiffId[];
}

/**
 * The files of these images' layers out of the engine's own export, as it names and has them; what they are is in `foreign`
 * when all were read.
 */
export async function* savedLayers(engine: Engine, bases: readonly SavedBase[], foreign: Map<DiffId, ForeignLayer>): AsyncGenerator<ArchiveFile> {
  const passed = new Map<string, Passed>();
  for (const { id, diffIds } of bases) {
    if (diffIds.every((diffId) => foreign.has(diffId))) continue;
    const saved = readSavedImage(engine, id);
    let step = await saved.next();
    for (; step.done !== true; step = await saved.next()) {
      const { path, size, content } = step.value;
      if (passed.has(path)) continue;
      const one = new Passed(path, size);
      passed.set(path, one);
      yield { path, size, content: () => one.watch(content) };
    }
    for (const [index, diffId] of diffIds.entries()) foreign.set(diffId, passed.get(step.value[index] ?? '')?.as(diffId) ?? missingLayer(id, diffId));
  }
}

export function missingLayer(image: ImageId, layer: string): never {
  throw new Failed({ reason: 'engine', message: `the engine exported ${image} without its layer ${layer}`, advice: 'its image is not whole: pull or build it again' });
}

/** A file that passed by. */
class Passed {
  readonly #hash = createHash('sha256');
  #mediaType: string | undefined;

  constructor(readonly path: string, readonly size: number) {}

  async *watch(content: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      this.#mediaType ??= layerMediaType(chunk);
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  /** Undefined if it can't be that layer. What is compressed the engine checks. */
  as(diffId: DiffId): ForeignLayer | undefined {
    const { path, size } = this;
    const mediaType = this.#mediaType ?? PLAIN_LAYER;
    return mediaType === PLAIN_LAYER && `sha256:${this.#hash.copy().digest('hex')}` !== diffId ? undefined : { path, size, mediaType };
  }
}
