import type { Digest } from '../core/identity.js';
import { hashRecord, type Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import type { CopiedTree } from './copied-tree.js';
import type { DiffId, Layer } from './layer.js';

/** A layer that was written of copied files. */
export interface CopiedLayer {
  readonly layer: Layer;
  readonly entries: CopiedTree;
}

/** Layers that lie on one another, and what they lie on. */
export interface CopiedChain {
  /** Names all layers below; the file system there is always the same. */
  readonly below: string;
  /** Bottom first. */
  readonly layers: readonly CopiedLayer[];
  /** How many of the lowest are a layer for each instruction. */
  readonly fresh: number;
}

/** A record of bucket `layers`, under `copies-<hash of a name>`. It needs the blobs of all its layers. */
interface StoredChains {
  readonly format: 2;
  readonly layers: readonly StoredLayer[];
  /** Newest first; layers by their number. */
  readonly chains: readonly { readonly below: string; readonly layers: readonly number[]; readonly fresh: number }[];
}

interface StoredLayer {
  readonly diffId: DiffId;
  readonly size: number;
  readonly entries: Readonly<Record<string, string>>;
}

/** How many chains are looked at for one to extend: branches that are built in turn. */
const REMEMBERED = 4;

/** Newest first; none if anything of them is gone. */
export async function readChains(name: string, store: Store): Promise<readonly CopiedChain[]> {
  const found = (await store.getRecord('layers', keyOf(name))) as unknown as StoredChains | undefined;
  if (found?.format !== 2) return [];
  const layers = found.layers.map(({ diffId, size, entries }): CopiedLayer => ({ layer: blobLayer(diffId, size), entries: new Map(Object.entries(entries)) }));
  return found.chains.map((chain) => ({ ...chain, layers: chain.layers.map((index) => layers[index]!) }));
}

/** Before the others of that name, as many as are remembered. */
export async function rememberChain(name: string, chain: CopiedChain, store: Store): Promise<void> {
  const others = (await readChains(name, store)).filter((one) => nameOf(one) !== nameOf(chain));
  const chains = [chain, ...others].slice(0, REMEMBERED);
  const layers = [...new Map(chains.flatMap((one) => one.layers.map((layer) => [layer.layer.diffId, layer] as const))).values()];
  const numbers = new Map(layers.map(({ layer }, index) => [layer.diffId, index]));
  const stored: StoredChains = {
    format: 2,
    layers: layers.map(({ layer: { diffId, size }, entries }) => ({ diffId, size, entries: Object.fromEntries(entries) })),
    chains: chains.map((one) => ({ ...one, layers: one.layers.map(({ layer }) => numbers.get(layer.diffId)!) })),
  };
  const blobs = layers.flatMap(({ layer: { content } }) => (content.kind === 'blob' ? [content.blob] : []));
  await store.putRecord('layers', keyOf(name), stored as unknown as Data, { blobs, exists: 'replace' });
}

/** A layer whose tar is a blob. */
export function blobLayer(diffId: DiffId, size: number): Layer {
  return { diffId, size, content: { kind: 'blob', blob: diffId.slice('sha256:'.length) as Digest } };
}

function nameOf({ below, layers }: CopiedChain): string {
  return [below, ...layers.map(({ layer }) => layer.diffId)].join();
}

function keyOf(name: string): string {
  return `copies-${hashRecord(name)}`;
}
