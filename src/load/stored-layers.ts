import type { Readable } from 'node:stream';
import { Failed } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import type { Data } from '../core/record.js';
import type { Engine } from '../engine/engine.js';
import type { DiffId } from '../layers/layer.js';
import type { Store } from '../store/store.js';
import { layerMediaType } from './foreign-layer.js';
import type { ForeignLayer, ForeignLayers } from './foreign-layer.js';
import { readSavedImage } from './saved-image.js';
import { missingLayer } from './saved-layers.js';
import { SeenManifests } from './seen-manifests.js';

/** A blob above this is no manifest. */
const MAX_MANIFEST = 4 * 1024 * 1024;

/**
 * As what blobs a containerd image store has the lowest layers of an image. Only an export of the image tells, so it is
 * read, as far as its manifest, and remembered: an image id there is the digest of a manifest, which never changes.
 */
export async function storedLayers({ engine, store }: { readonly engine: Engine; readonly store: Store }, image: ImageId, diffIds: readonly DiffId[]): Promise<ForeignLayers> {
  const key = `layers-${image.slice('sha256:'.length)}`;
  const found = parse(await store.getRecord('probes', key));
  const layers = found !== undefined && found.length >= diffIds.length ? found : await survey(engine, image);
  if (layers.length < diffIds.length) {
    throw new Failed({ reason: 'engine', message: `the engine exported ${image} with ${layers.length} layers, and says that it has ${diffIds.length}` });
  }
  if (layers !== found) await store.putRecord('probes', key, layers.map(({ path, mediaType, size }) => ({ path, mediaType, size })));
  return new Map(diffIds.map((diffId, index) => [diffId, layers[index]!]));
}

async function survey(engine: Engine, image: ImageId): Promise<readonly ForeignLayer[]> {
  const blobs = new Map<string, ForeignLayer>();
  const manifests = new SeenManifests(image);
  const saved = readSavedImage(engine, image);
  let step = await saved.next();
  for (; step.done !== true; step = await saved.next()) {
    const { path, size, content } = step.value;
    const start = await startOf(content, size);
    blobs.set(path, { path, size, mediaType: layerMediaType(start) });
    if (start.length < size) continue;
    const layers = manifests.add(path, start);
    if (layers === undefined) continue;
    // The rest, which may be gigabytes, is not read: the export ends with its reader.
    await saved.return([]);
    return layers;
  }
  return step.value.map((path) => blobs.get(path) ?? missingLayer(image, path));
}

/** All of a file that may be a manifest, the first bytes of others. */
async function startOf(content: Readable, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if (size > MAX_MANIFEST) break;
  }
  return Buffer.concat(chunks);
}

function parse(value: Data | undefined): readonly ForeignLayer[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const layers = value as readonly { readonly path?: unknown; readonly mediaType?: unknown; readonly size?: unknown }[];
  const whole = layers.every(({ path, mediaType, size }) => typeof path === 'string' && typeof mediaType === 'string' && typeof size === 'number');
  return whole ? (layers as readonly ForeignLayer[]) : undefined;
}
