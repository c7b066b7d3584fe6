import { createHash } from 'node:crypto';
import type { Digest } from '../core/identity.js';
import { hashRecord, type Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import type { DiffId, Layer, PiecesContent } from './layer.js';
import { composeLayer } from './open-layer.js';

/** SHA-256 of all that a composed tar's bytes depend on. */
export type RecipeHash = string & { readonly __brand: 'RecipeHash' };

/** A record of bucket `layers`, under `layer-<recipe hash>`; it lives as long as its pieces. */
interface StoredLayer {
  readonly format: 1;
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
  const stored: StoredLayer = { format: 1, diffId: `sha256:${hash.digest('hex')}`, size, content };
  await store.putRecord('layers', keyOf(recipe), stored as unknown as Data, { blobs: piecesOf([content]) });
  return { recipe, layer: { diffId: stored.diffId, size, content } };
}

/** Undefined if the store does not have it, or not all of its pieces. */
export async function findLayer(recipe: RecipeHash, store: Store): Promise<Layer | undefined> {
  const found = (await store.getRecord('layers', keyOf(recipe))) as unknown as StoredLayer | undefined;
  return found?.format === 1 ? { diffId: found.diffId, size: found.size, content: found.content } : undefined;
}

/** Each piece once. */
export function piecesOf(contents: readonly PiecesContent[]): Digest[] {
  return [...new Set(contents.flatMap(({ parts }) => parts.map(({ piece }) => piece)))];
}

/** Names of packages are for messages, and don't count. */
function recipeHash({ prefix, above = [], folders = [], parts, removed }: PiecesContent): RecipeHash {
  const places = parts.map(({ at, piece, only }) => (only === undefined ? [at, piece] : [at, piece, only]));
  const aboves = above.map(({ path, mode, uid, gid }) => [path, mode, uid, gid]);
  return hashRecord<RecipeHash>({ format: 1, prefix, above: aboves, folders, parts: places, removed });
}

function keyOf(recipe: RecipeHash): string {
  return `layer-${recipe}`;
}
