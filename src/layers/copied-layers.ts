import { tarOf, type PackItem } from '../archive/pack-tar.js';
import { compare, hashRecord } from '../core/record.js';
import type { Store } from '../store/store.js';
import { changeBetween, copiedTree, leafBytes, tarBytes, type CopiedEntry, type CopiedTree } from './copied-tree.js';
import type { DiffId, Layer } from './layer.js';
import { blobLayer, readChains, rememberChain, type CopiedChain, type CopiedLayer } from './stored-copies.js';

export interface CopiedLayersOptions {
  readonly store: Store;
  /** Layers that were written under the same name may be extended. */
  readonly name: string;
  /** All layers below, bottom first. */
  readonly below: readonly DiffId[];
  /** A layer for each instruction, whatever was there before. */
  readonly canonical?: boolean;
}

export interface CopiedLayers {
  /** Bottom first, each with the number of the instruction that it is of. */
  readonly layers: readonly { readonly layer: Layer; readonly of: number }[];
  /** They are not those that the instructions give alone: some keep what is overwritten. */
  readonly extended: boolean;
  /** So that later ones can extend them; may wait until there is time for it. */
  remember(): Promise<void>;
}

/** Of what one name has: beyond it all is written anew. */
const MAX_LAYERS = 8;
/** Of an image; an engine takes 127, and others may be built on this one. */
const MAX_ALL = 80;
/** Of the bytes that are to be seen: so many may be wasted… */
const MAX_WASTE = 0.25;
/** …and no more may one extension bring. */
const MAX_EXTENSION = 0.5;
/** Bytes, and times the fewest that would do: more is not written only to need fewer layers. */
const SPARE = 16 * 1024;
const DEARER = 2;

/**
 * The layers of what consecutive instructions copy, given as the entries of each. Where an earlier version lies on the same layers and nothing of it
 * is gone, it is extended by one with what is other; else there is one for each instruction, and they depend on the content alone.
 */
export async function copiedLayers(instructions: readonly (readonly CopiedEntry[])[], { store, name, below, canonical = false }: CopiedLayersOptions): Promise<CopiedLayers> {
  const copied = instructions.flat();
  const tree = copiedTree(copied);
  const place = hashRecord<string>(below);
  const earlier = canonical || tree === undefined ? [] : (await readChains(name, store)).filter((chain) => chain.below === place);
  const best = tree === undefined ? undefined : cheapest(earlier, tree);
  if (best !== undefined && below.length + best.layers.length < MAX_ALL) {
    const { change, fresh } = best;
    const layers = change.size === 0 ? best.layers : [...best.layers, { entries: change, layer: await writeLayer(itemsOf(change, copied), store) }];
    // Folders are in it for what they hold.
    const last = instructions.findLastIndex((entries) => entries.some(({ entry }) => entry.type !== 'directory' && change.has(entry.path)));
    const extra = last === -1 ? instructions.length - 1 : last;
    return {
      layers: layers.map(({ layer }, index) => ({ layer, of: index < instructions.length ? index : extra })),
      extended: !isFresh(layers, instructions),
      remember: () => rememberChain(name, { below: place, layers, fresh }, store),
    };
  }
  const layers: CopiedLayer[] = [];
  for (const entries of instructions) layers.push({ layer: await writeLayer(entries.map(itemOf), store), entries: copiedTree(entries) ?? new Map() });
  return {
    layers: layers.map(({ layer }, of) => ({ layer, of })),
    extended: false,
    remember: async () => (tree === undefined ? undefined : rememberChain(name, { below: place, layers, fresh: layers.length }, store)),
  };
}

/** True if each layer is what its instruction copies, and no more. */
function isFresh(layers: readonly CopiedLayer[], instructions: readonly (readonly CopiedEntry[])[]): boolean {
  return layers.length === instructions.length && layers.every(({ entries }, index) => {
    const own = copiedTree(instructions[index]!);
    return own?.size === entries.size && [...own].every(([path, word]) => entries.get(path) === word);
  });
}

interface Extension {
  readonly fresh: number;
  readonly layers: readonly CopiedLayer[];
  readonly change: CopiedTree;
}

/** The lowest layers of an earlier version that lead here with hardly more bytes than any; undefined if there are none within the bounds. */
function cheapest(earlier: readonly CopiedChain[], tree: CopiedTree): Extension | undefined {
  const found = earlier.flatMap((chain) => [...extensionsOf(chain, tree)]);
  const fewest = Math.min(...found.map(({ change }) => tarBytes(change)));
  const enough = fewest === 0 ? 0 : fewest * DEARER + SPARE;
  return found.filter(({ change }) => tarBytes(change) <= enough).sort((a, b) => a.layers.length - b.layers.length || tarBytes(a.change) - tarBytes(b.change))[0];
}

function* extensionsOf({ layers, fresh }: CopiedChain, tree: CopiedTree): Generator<Extension> {
  const seen = leafBytes(tree);
  const before = new Map<string, string>();
  let written = 0;
  for (const [index, layer] of layers.entries()) {
    for (const [path, word] of layer.entries) before.set(path, word);
    written += leafBytes(layer.entries);
    const change = index + 1 < fresh ? undefined : changeBetween(before, tree);
    if (change === undefined) continue;
    const added = leafBytes(change);
    if (change.size > 0 && (index + 1 >= MAX_LAYERS || written + added - seen > seen * MAX_WASTE || added > seen * MAX_EXTENSION)) continue;
    yield { fresh, layers: layers.slice(0, index + 1), change };
  }
}

/** The last entry of each path, sorted. */
function itemsOf(entries: CopiedTree, copied: readonly CopiedEntry[]): PackItem[] {
  const byPath = new Map(copied.filter(({ entry }) => entries.has(entry.path)).map((one) => [one.entry.path, one]));
  return [...byPath.values()].map(itemOf).sort((a, b) => compare(a.entry.path, b.entry.path));
}

function itemOf({ entry, content }: CopiedEntry): PackItem {
  return content === undefined ? { entry } : { entry, content: content() };
}

async function writeLayer(items: readonly PackItem[], store: Store): Promise<Layer> {
  const { digest, size } = await store.writeBlob(tarOf(items));
  return blobLayer(`sha256:${digest}`, size);
}
