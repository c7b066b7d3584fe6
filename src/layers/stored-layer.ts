import { createHash } from 'node:crypto';
import type { Digest } from '../core/identity.js';
import { hashRecord, type Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import { composeLayer } from './compose-layer.js';
import type { DiffId, Layer, PiecesContent, RecipeHash } from './layer.js';

/** A record of bucket `layers`, under `layer-<recipe hash>`; it lives as long as its pieces. */
interface StoredLayer {
  readonly format: 2;
  readonly diffId: DiffId;
  readonly size: number;
  readonly content: PiecesContent;
}

/** The layer of a content. It is composed and hashed the first time, and remembered. */
export async function storeLayer(content: PiecesContent, store: Store): Promise<{ readonly recipe: RecipeHash; readonly layer: Layer }> {
  const recipe = recipeHash(content);
  const found = await findLayer(recipe, store);
  if (found !== undefined) return { recipe, layer: found };
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of composeLayer(content, store)) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  const stored: StoredLayer = { format: 2, diffId: `sha256:${hash.digest('hex')}`, size, content };
  await store.putRecord('layers', keyOf(recipe), stored as unknown as Data, { blobs: piecesOf([content]) });
  return { recipe, layer: layerOf(recipe, stored) };
}

/** Undefined if the store does not have it, or not all of its pieces. */
export async function findLayer(recipe: RecipeHash, store: Store): Promise<Layer | undefined> {
  const found = await read(recipe, store);
  return found === undefined ? undefined : layerOf(recipe, found);
}

/** What the layer's tar is composed of; undefined as for `findLayer`. */
export async function findContent(recipe: RecipeHash, store: Store): Promise<PiecesContent | undefined> {
  return (await read(recipe, store))?.content;
}

async function read(recipe: RecipeHash, store: Store): Promise<StoredLayer | undefined> {
  const found = (await store.getRecord('layers', keyOf(recipe))) as unknown as StoredLayer | undefined;
  return found?.format === 2 ? found : undefined;
}

function layerOf(recipe: RecipeHash, { diffId, size }: StoredLayer): Layer {
  return { diffId, size, content: { kind: 'recipe', recipe } };
}

/** Each piece once. */
export function piecesOf(contents: readonly PiecesContent[]): Digest[] {
  return [...new Set(contents.flatMap(({ parts }) => parts.map(({ piece }) => piece)))];
}

/** Names of packages are for messages, and don't count. */
function recipeHash({ prefix, above = [], folders = [], parts, removed }: PiecesContent): RecipeHash {
  const places = parts.map(({ at, piece, only }) => (only === undefined ? [at, piece] : [at, piece, only]));
  const aboves = above.map(({ path, mode, uid, gid }) => [path, mode, uid, gid]);
  return hashRecord<RecipeHash>({ format: 2, prefix, above: aboves, folders, parts: places, removed });
}

function keyOf(recipe: RecipeHash): string {
  return `layer-${recipe}`;
}
