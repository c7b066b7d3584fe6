import { FIXED_TIME } from '../archive/entry.js';
import { tarOf, type PackItem } from '../archive/pack-tar.js';
import { whiteout } from '../archive/whiteout.js';
import { compare, hashRecord } from '../core/record.js';
import type { Store } from '../store/store.js';
import { changeBetween, copiedTree, leafBytes, tarBytes, withChange, type CopiedChange, type CopiedEntry, type CopiedTree } from './copied-tree.js';
import type { DiffId, Layer } from './layer.js';
import { blobLayer, readChains, rememberChain, type CopiedChain, type CopiedLayer } from './stored-copies.js';

export interface CopiedLayersOptions {
  readonly store: Store;
  /** Layers that were written under the same name may be extended. */
  readonly name: string;
  /** All layers below, bottom first. */
  readonly below: readonly DiffId[];
  /** True if the file system below has something there. */
  readonly has: (path: string) => Promise<boolean>;
  /** A layer for each instruction, whatever was there before. */
  readonly canonical?: boolean;
}

export interface CopiedLayers {
  /** Bottom first, each with the number of the instruction that it is of. */
  readonly layers: readonly { readonly layer: Layer; readonly of: number }[];
  /** So that later ones can extend them; may wait until there is time for it. */
  remember(): Promise<void>;
}

/** Of what one name has: beyond it all is written anew. */
const MAX_LAYERS = 16;
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
 * The layers of what consecutive instructions copy, given as the entries of each. Where an earlier version lies on the same layers, it is extended by
 * one with what is other and the whiteouts of what is gone; else there is one for each instruction, and they depend on the content alone.
 */
export async function copiedLayers(instructions: readonly (readonly CopiedEntry[])[], { store, name, below, has, canonical = false }: CopiedLayersOptions): Promise<CopiedLayers> {
  const tree = copiedTree(instructions.flat());
  const place = hashRecord<string>(below);
  const earlier = canonical || tree === undefined ? [] : (await readChains(name, store)).filter((chain) => chain.below === place);
  const best = tree === undefined ? undefined : cheapest(earlier, tree);
  if (best !== undefined && below.length + best.layers.length < MAX_ALL && !(await someExist(best.change.removed, has))) {
    const { change } = best;
    const layers = tarBytes(change) === 0 ? best.layers : [...best.layers, { ...change, layer: await writeLayer(itemsOf(change, instructions.flat()), store) }];
    // Folders are in it for what they hold.
    const last = instructions.findLastIndex((entries) => entries.some(({ entry }) => entry.type !== 'directory' && change.entries.has(entry.path)));
    const extra = last === -1 ? instructions.length - 1 : last;
    return { layers: layers.map(({ layer }, index) => ({ layer, of: index < instructions.length ? index : extra })), remember: () => rememberChain(name, { below: place, layers, fresh: best.fresh }, store) };
  }
  const layers: Layer[] = [];
  for (const entries of instructions) layers.push(await writeLayer(entries.map(itemOf), store));
  const changes = instructions.map((entries): CopiedChange => ({ entries: copiedTree(entries) ?? new Map(), removed: [] }));
  const chain: CopiedChain = { below: place, fresh: layers.length, layers: layers.map((layer, index): CopiedLayer => ({ ...changes[index]!, layer })) };
  return { layers: layers.map((layer, of) => ({ layer, of })), remember: async () => (tree === undefined ? undefined : rememberChain(name, chain, store)) };
}

interface Extension {
  readonly fresh: number;
  readonly layers: readonly CopiedLayer[];
  readonly change: CopiedChange;
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
  let before: CopiedTree = new Map();
  let written = 0;
  for (const [index, layer] of layers.entries()) {
    before = withChange(before, layer);
    written += leafBytes(layer.entries);
    const change = index + 1 < fresh ? undefined : changeBetween(before, tree);
    if (change === undefined) continue;
    const added = leafBytes(change.entries);
    const isNone = tarBytes(change) === 0;
    if (!isNone && (index + 1 >= MAX_LAYERS || written + added - seen > seen * MAX_WASTE || added > seen * MAX_EXTENSION)) continue;
    yield { fresh, layers: layers.slice(0, index + 1), change };
  }
}

/** A whiteout would hide what is below too, and that is to be seen again. */
async function someExist(paths: readonly string[], has: (path: string) => Promise<boolean>): Promise<boolean> {
  for (const path of paths) if (await has(path)) return true;
  return false;
}

/** The last entry of each path, and the whiteouts, sorted. */
function itemsOf({ entries, removed }: CopiedChange, copied: readonly CopiedEntry[]): PackItem[] {
  const byPath = new Map(copied.filter(({ entry }) => entries.has(entry.path)).map((one) => [one.entry.path, one]));
  const gone = removed.map((path): PackItem => ({ entry: { type: 'file', path: whiteout(path), mode: 0, uid: 0, gid: 0, mtime: FIXED_TIME, size: 0 } }));
  return [...[...byPath.values()].map(itemOf), ...gone].sort((a, b) => compare(a.entry.path, b.entry.path));
}

function itemOf({ entry, content }: CopiedEntry): PackItem {
  return content === undefined ? { entry } : { entry, content: content() };
}

async function writeLayer(items: readonly PackItem[], store: Store): Promise<Layer> {
  const { digest, size } = await store.writeBlob(tarOf(items));
  return blobLayer(`sha256:${digest}`, size);
}
