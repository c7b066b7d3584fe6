import { ancestorsOf } from '../archive/paths.js';
import type { Artifact, Part } from '../artifact/artifact.js';
import { fileHashes } from '../artifact/file-hashes.js';
import { listPiece } from '../artifact/listing.js';
import { compare } from '../core/record.js';
import { CorruptBlob, MissingBlob, type Store } from '../store/store.js';
import { canonicalGroups, comparePlaces } from './canonical.js';
import type { AboveFolder, Layer, LayerPart, PiecesContent, RecipeHash } from './layer.js';
import { storeLayer } from './stored-layer.js';
import { withLayers, type EarlierPlan, type Plan } from './stored-plan.js';
import { treeChanges, type Changes } from './tree-changes.js';

/** Of one artifact; an image may have several, and a limit of 127 for all it has. */
export const MAX_LAYERS = 24;
/** Of the bytes that are to be seen: so many may be wasted… */
const MAX_WASTE = 0.25;
/** …and no more may one extension bring. */
const MAX_EXTENSION = 0.5;

export interface Planning {
  readonly artifact: Pick<Artifact, 'prefix' | 'parts'>;
  readonly above: readonly AboveFolder[];
  readonly store: Store;
}

/** The earlier version from which the fewest new bytes lead here, and one layer on top; undefined if there is none within the bounds. */
export async function extendedPlan(planning: Planning, earlier: readonly EarlierPlan[]): Promise<Plan | undefined> {
  const { artifact, store } = planning;
  // Without parts nothing may be left, and the folders above the prefix would be.
  const best = artifact.parts.length === 0 ? undefined : await cheapest(artifact.parts, earlier, store);
  if (best === undefined) return undefined;
  const { layers, recipes } = best;
  const { parts } = artifact;
  const changes = await changesFrom(best.parts, planning).catch(unreadable);
  if (changes === undefined) return undefined;
  const waste = best.waste + changes.wasted;
  const seen = layers.reduce((sum, { size }) => sum + size, 0) + changes.added - waste;
  if (waste > seen * MAX_WASTE || changes.added > seen * MAX_EXTENSION) return undefined;
  if (changes.parts.length + changes.removed.length + changes.bare.length === 0) return { layers, recipes, parts, waste };
  if (layers.length >= MAX_LAYERS) return undefined;
  const content = contentOf([...changes.parts].sort(comparePlaces), { changes, planning, isTop: true });
  const top = await storeLayer(content, store);
  return { layers: [...layers, top.layer], recipes: [...recipes, top.recipe], parts, waste };
}

/** Of the earlier version: then it is not built on. Of the artifact itself: that is told when a fresh set is made. */
function unreadable(error: unknown): undefined {
  if (!(error instanceof MissingBlob) && !(error instanceof CorruptBlob)) throw error;
}

/** What depends on the artifact alone. */
export async function canonicalPlan(planning: Planning): Promise<Plan> {
  const layers: Layer[] = [];
  const recipes: RecipeHash[] = [];
  for (const content of await canonicalContents(planning)) {
    const { layer, recipe } = await storeLayer(content, planning.store);
    layers.push(layer);
    recipes.push(recipe);
  }
  return { layers, recipes, parts: planning.artifact.parts, waste: 0 };
}

/** The layer of an artifact's parts that are a group of a canonical set, and not the top one; no other part overrides something in them. */
export async function groupLayer(planning: Planning): Promise<Layer> {
  const changes = await changesFrom([], planning);
  return (await storeLayer(contentOf([...changes.parts].sort(comparePlaces), { changes, planning, isTop: false }), planning.store)).layer;
}

/** Apart from the composing, so that the listings are not in memory during it. */
async function canonicalContents(planning: Planning): Promise<readonly PiecesContent[]> {
  const changes = await changesFrom([], planning);
  const groups = canonicalGroups(changes.parts);
  // Folders and nothing else are a layer too.
  if (groups.length === 0 && changes.bare.length > 0) groups.push([]);
  return groups.map((group, index) => contentOf(group, { changes, planning, isTop: index === groups.length - 1 }));
}

function changesFrom(parts: readonly Part[], { artifact, store }: Planning): Promise<Changes> {
  return treeChanges(parts, artifact.parts, { prefix: artifact.prefix, list: (part) => listPiece(part, store), hash: (part, paths) => fileHashes(part, paths, store) });
}

/** A layer with these of the changed parts; the top one also has what no part brings, and the whiteouts. */
function contentOf(parts: readonly LayerPart[], { changes, planning, isTop }: { readonly changes: Changes; readonly planning: Planning; readonly isTop: boolean }): PiecesContent {
  const { modes, bare, removed } = changes;
  const folders = new Map<string, number>();
  const add = (path: string): void => {
    const mode = modes.get(path);
    if (mode !== undefined) folders.set(path, mode);
  };
  if (modes.size > 0) for (const part of parts) changes.foldersOf(part).forEach(add);
  if (isTop) {
    for (const path of bare) folders.set(path, modes.get(path) ?? 0o755);
    for (const path of [...bare, ...removed]) ancestorsOf(path).forEach(add);
  }
  const { artifact, above } = planning;
  return {
    prefix: artifact.prefix,
    ...(above.length === 0 ? {} : { above }),
    ...(folders.size === 0 ? {} : { folders: [...folders].sort(([a], [b]) => compare(a, b)) }),
    parts,
    removed: isTop ? removed : [],
  };
}

async function cheapest(parts: readonly Part[], earlier: readonly EarlierPlan[], store: Store): Promise<Plan | undefined> {
  const costs = earlier.map((plan) => ({ plan, cost: newBytes(plan.parts, parts) }));
  for (const { plan } of costs.sort((a, b) => a.cost - b.cost || a.plan.waste - b.plan.waste)) {
    const whole = await withLayers(plan, store);
    if (whole !== undefined) return whole;
  }
  return undefined;
}

/** Of pieces that only the second has: about what an extension from the first to it would hold. */
function newBytes(from: readonly Part[], to: readonly Part[]): number {
  const known = new Set(from.map(({ at, piece }) => `${at}\0${piece}`));
  return to.reduce((sum, { at, piece, size }) => (known.has(`${at}\0${piece}`) ? sum : sum + size), 0);
}
