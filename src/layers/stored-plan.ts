import type { Part } from '../artifact/artifact.js';
import type { Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import type { Layer, RecipeHash } from './layer.js';
import { findContent, findLayer, piecesOf } from './stored-layer.js';

/** An artifact's layers, with all that it takes to extend them. */
export interface Plan {
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** Of the layers. */
  readonly recipes: readonly RecipeHash[];
  /** Of the artifact. */
  readonly parts: readonly Part[];
  /** Bytes of the layers that higher ones override or remove. */
  readonly waste: number;
}

/** A plan whose layers were not looked at yet. */
export type EarlierPlan = Omit<Plan, 'layers'> & { readonly key: string };

/**
 * A record of bucket `layers`, under `plan-<requirement hash>-<16 digits>`. It needs the pieces of all its layers, also those
 * that the artifact has no more, and lives as long as the artifact (store/gc-plan.ts knows the form of the key).
 */
interface StoredPlan {
  readonly format: 1;
  readonly layers: readonly RecipeHash[];
  readonly parts: readonly Part[];
  readonly waste: number;
}

/** Undefined if anything of it is gone. */
export async function findPlan(key: string, store: Store): Promise<Plan | undefined> {
  const found = await readPlan(key, store);
  return found === undefined ? undefined : withLayers(found, store);
}

/** Undefined if one of its layers is gone. */
export async function withLayers(plan: EarlierPlan, store: Store): Promise<Plan | undefined> {
  const layers = await Promise.all(plan.recipes.map((recipe) => findLayer(recipe, store)));
  if (layers.includes(undefined)) return undefined;
  return { layers: layers as Layer[], recipes: plan.recipes, parts: plan.parts, waste: plan.waste };
}

async function readPlan(key: string, store: Store): Promise<EarlierPlan | undefined> {
  const found = (await store.getRecord('layers', key)) as unknown as StoredPlan | undefined;
  return found?.format === 1 ? { key, recipes: found.layers, parts: found.parts, waste: found.waste } : undefined;
}

export async function putPlan(key: string, { recipes, parts, waste }: Plan, store: Store): Promise<void> {
  const plan: StoredPlan = { format: 1, layers: recipes, parts, waste };
  const contents = (await Promise.all(recipes.map((recipe) => findContent(recipe, store)))).flatMap((content) => content ?? []);
  await store.putRecord('layers', key, plan as unknown as Data, { blobs: piecesOf(contents) });
}

/** A record of bucket `layers`, under `chain-<hash>`: keys of plans that may extend each other, newest first. */
interface StoredChain {
  readonly format: 1;
  readonly plans: readonly string[];
}

/** How many plans are looked at for one to extend. */
const MAX_EARLIER = 4;

export async function earlierPlans(chain: string, store: Store): Promise<readonly EarlierPlan[]> {
  const found = (await store.getRecord('layers', `chain-${chain}`)) as unknown as StoredChain | undefined;
  const plans = await Promise.all((found?.format === 1 ? found.plans : []).map((key) => readPlan(key, store)));
  return plans.flatMap((plan) => plan ?? []);
}

export async function rememberPlan(chain: string, plans: readonly string[], store: Store): Promise<void> {
  const record: StoredChain = { format: 1, plans: [...new Set(plans)].slice(0, MAX_EARLIER) };
  await store.putRecord('layers', `chain-${chain}`, record as unknown as Data);
}
