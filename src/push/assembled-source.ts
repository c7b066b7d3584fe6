import type { Engine } from '../engine/engine.js';
import type { AssembledImage } from '../images/assembled-image.js';
import { compressedLayer } from '../layers/compressed.js';
import type { DiffId, Layer } from '../layers/layer.js';
import { exportLayers } from '../load/base-layers.js';
import type { RegistryClient } from '../registry/client.js';
import type { Store } from '../store/store.js';
import { parentLayers, type PushedParent } from './parent-layers.js';
import type { ImageSource, LayerSource } from './ready-image.js';

export interface SourceOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly client: RegistryClient;
  readonly format: 'gzip' | 'zstd';
  /** Where it goes. */
  readonly repository: string;
  /** Images in the same registry that it is built from. */
  readonly parents: readonly PushedParent[];
}

/**
 * An assembled image as a registry takes it, straight from the store. Layers of a base are taken over from the images that
 * the registry has of it, and only where that can't be are fetched from the engine, once.
 */
export async function assembledSource({ bytes, layers, base }: AssembledImage, options: SourceOptions): Promise<ImageSource> {
  const { store, engine, format, repository, parents } = options;
  const foreign = layers.filter(({ content }) => content.kind === 'engine').map(({ diffId }) => diffId);
  const there = foreign.length === 0 ? new Map<string, LayerSource>() : await takenOver(foreign, options);
  const left = foreign.filter((diffId) => !there.has(diffId));
  const exported = base === undefined || left.length === 0 ? NONE : await exportLayers(engine, store, base, left);
  const mountFrom = parents.find((parent) => parent.repository !== repository)?.repository;
  const sources: LayerSource[] = [];
  for (const layer of layers) {
    const source = there.get(layer.diffId) ?? (await compressedLayer(ownLayer(layer, exported), { store, format }));
    sources.push(mountFrom === undefined ? source : { ...source, mountFrom });
  }
  return { config: bytes, layers: sources };
}

/** Those of the layers that the repository has, or has now that they were mounted, as the registry has them. */
async function takenOver(diffIds: readonly DiffId[], { client, repository, parents }: SourceOptions): Promise<Map<string, LayerSource>> {
  const known = await parentLayers(client, parents);
  const taken = new Map<string, LayerSource>();
  for (const diffId of diffIds) {
    const layer = known.get(diffId);
    if (layer === undefined) continue;
    const { from, mediaType, digest, size } = layer;
    const there = (await client.hasBlob(repository, digest)) || (from !== repository && (await client.mountBlob(repository, digest, from)));
    if (there) taken.set(diffId, { diffId, mediaType: OCI[mediaType] ?? mediaType, digest, size, open: () => Promise.reject(new Error(`the registry has lost ${digest}`)) });
  }
  return taken;
}

/** The same bytes under the name that an OCI manifest has for them. */
const OCI: Readonly<Record<string, string>> = { 'application/vnd.docker.image.rootfs.diff.tar.gzip': 'application/vnd.oci.image.layer.v1.tar+gzip' };

type Exported = Awaited<ReturnType<typeof exportLayers>>;
const NONE: Exported = new Map();

function ownLayer(layer: Layer, exported: Exported): Layer {
  if (layer.content.kind !== 'engine') return layer;
  const blob = exported.get(layer.diffId);
  if (blob === undefined) throw new Error(`the base has no layer ${layer.diffId}`);
  return { ...layer, content: { kind: 'blob', blob } };
}
