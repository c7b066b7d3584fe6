import type { Artifact, Part } from '../artifact/artifact.js';
import { listPiece, type Listed } from '../artifact/listing.js';
import type { RequirementHash } from '../core/identity.js';
import { compare, hashRecord, type Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import { canonicalGroups, comparePlaces } from './canonical.js';
import type { AboveFolder, Layer, LayerPart, PiecesContent } from './layer.js';
import { findLayer, piecesOf, storeLayer, type RecipeHash } from './stored-layer.js';
import { treeChanges, type Changes } from './tree-changes.js';

/** What layers are made of. */
export interface ArtifactIdentity {
  readonly key: RequirementHash;
  /** Its name in the project: layers of an earlier version of it are extended. */
  readonly name: string;
  readonly artifact: Artifact;
  /** Folders above the prefix as the image below has them; those not given are 0755 0:0. */
  readonly above?: readonly AboveFolder[];
}

export interface ArtifactLayersOptions {
  readonly store: Store;
  /** A set that depends on the content alone, whatever was there before. */
  readonly canonical?: boolean;
}

export interface ArtifactLayers {
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** Bytes of them that higher ones override or remove. */
  readonly waste: number;
}

/** Of one artifact; an image may have several, and a limit of 127 for all it has. */
export const MAX_LAYERS = 24;
/** Of the bytes that are to be seen: so many may be wasted… */
const MAX_WASTE = 0.25;
/** …and no more may one extension bring. */
const MAX_EXTENSION = 0.5;
/** How many plans of a name are looked at for one to extend. */
const MAX_EARLIER = 6;

/**
 * The layers of an artifact; their tars are composed when they are read (`openLayer`). The first call plans: it extends the
 * layers of that earlier version from which the fewest new bytes lead here by one layer, or, where that would be too many or
 * too wasteful, makes a canonical set. The plan is remembered, so whoever shares the store gets the same layers.
 */
export async function artifactLayers(identity: ArtifactIdentity, { store, canonical = false }: ArtifactLayersOptions): Promise<ArtifactLayers> {
  const above = unusual(identity.above ?? []);
  const key = `plan-${identity.key}-${hashRecord({ above: above.map(({ path, mode, uid, gid }) => [path, mode, uid, gid]), canonical }).slice(0, 16)}`;
  const known = await findPlan(key, store);
  if (known !== undefined) return known;
  const { kind, prefix } = identity.artifact;
  const chain = hashRecord({ name: identity.name, kind, prefix, above: above.map(({ path, mode, uid, gid }) => [path, mode, uid, gid]) });
  return store.withLock(`layers-${chain}`, async () => {
    // Somebody else may have made it while we waited.
    const found = await findPlan(key, store);
    if (found !== undefined) return found;
    const planner = new Planner(identity.artifact, { above, store });
    const earlier = await earlierPlans(chain, store);
    const plan = (canonical ? undefined : await planner.extended(earlier)) ?? (await planner.canonical());
    await putPlan(key, plan, store);
    await putEarlier(chain, [key, ...earlier.map((one) => one.key)], store);
    return { layers: plan.layers, waste: plan.waste };
  });
}

/** A plan with all that it takes to extend it. */
interface Plan {
  readonly layers: readonly Layer[];
  readonly recipes: readonly RecipeHash[];
  /** Of the artifact. */
  readonly parts: readonly Part[];
  readonly waste: number;
}

type EarlierPlan = Plan & { readonly key: string };

class Planner {
  readonly #artifact: Artifact;
  readonly #above: readonly AboveFolder[];
  readonly #store: Store;
  readonly #listings = new Map<string, Promise<readonly Listed[]>>();

  constructor(artifact: Artifact, { above, store }: { readonly above: readonly AboveFolder[]; readonly store: Store }) {
    this.#artifact = artifact;
    this.#above = above;
    this.#store = store;
  }

  /** The cheapest extension; undefined if there is none within the bounds. */
  async extended(earlier: readonly EarlierPlan[]): Promise<Plan | undefined> {
    const [base] = earlier.map((plan) => ({ plan, cost: newBytes(plan.parts, this.#artifact.parts) })).sort((a, b) => a.cost - b.cost || a.plan.waste - b.plan.waste);
    if (base === undefined || this.#artifact.parts.length === 0) return undefined;
    const { layers, recipes, waste, parts } = base.plan;
    const changes = await this.#changes(parts);
    const { added, wasted, removed, bare } = changes;
    const all = layers.reduce((sum, { size }) => sum + size, 0) + added;
    const seen = all - waste - wasted;
    if (waste + wasted > seen * MAX_WASTE || added > seen * MAX_EXTENSION) return undefined;
    const isSame = changes.parts.length + removed.length + bare.length === 0;
    if (isSame) return { layers, recipes, waste, parts: this.#artifact.parts };
    if (layers.length >= MAX_LAYERS) return undefined;
    const made = await storeLayer(this.#content([...changes.parts].sort(comparePlaces), changes, true), this.#store);
    return { layers: [...layers, made.layer], recipes: [...recipes, made.recipe], waste: waste + wasted, parts: this.#artifact.parts };
  }

  async canonical(): Promise<Plan> {
    const changes = await this.#changes([]);
    const groups = canonicalGroups(changes.parts);
    const contents = groups.map((group, index) => this.#content(group, changes, index === groups.length - 1));
    if (contents.length === 0 && changes.bare.length > 0) contents.push(this.#content([], changes, true));
    const layers: Layer[] = [];
    const recipes: RecipeHash[] = [];
    for (const content of contents) {
      const made = await storeLayer(content, this.#store);
      layers.push(made.layer);
      recipes.push(made.recipe);
    }
    return { layers, recipes, waste: 0, parts: this.#artifact.parts };
  }

  #changes(from: readonly Part[]): Promise<Changes> {
    return treeChanges(from, this.#artifact.parts, { prefix: this.#artifact.prefix, list: (part) => this.#list(part) });
  }

  #list(part: Part): Promise<readonly Listed[]> {
    const known = this.#listings.get(part.piece);
    if (known !== undefined) return known;
    const listing = listPiece(part, this.#store);
    this.#listings.set(part.piece, listing);
    return listing;
  }

  /** The content of a layer with these of the changed parts; the top one also has what no part brings, and whiteouts. */
  #content(parts: readonly LayerPart[], changes: Changes, isTop: boolean): PiecesContent {
    const { modes, bare, removed } = changes;
    const folders = new Map<string, number>();
    const add = (path: string): void => {
      const mode = modes.get(path);
      if (mode !== undefined) folders.set(path, mode);
    };
    if (modes.size > 0) for (const part of parts) changes.foldersOf(part).forEach(add);
    if (isTop) {
      for (const path of bare) folders.set(path, modes.get(path) ?? 0o755);
      for (const path of [...bare, ...removed]) for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) add(path.slice(0, at));
    }
    return {
      kind: 'pieces',
      prefix: this.#artifact.prefix,
      ...(this.#above.length === 0 ? {} : { above: this.#above }),
      ...(folders.size === 0 ? {} : { folders: [...folders].sort(([a], [b]) => compare(a, b)) }),
      parts,
      removed: isTop ? removed : [],
    };
  }
}

/** Of pieces that only the second has: about what an extension from the first to it would hold. */
function newBytes(from: readonly Part[], to: readonly Part[]): number {
  const known = new Set(from.map(({ at, piece }) => `${at}\0${piece}`));
  return to.reduce((sum, { at, piece, size }) => (known.has(`${at}\0${piece}`) ? sum : sum + size), 0);
}

/** Those that are not 0755 0:0, sorted, each once. */
function unusual(above: readonly AboveFolder[]): readonly AboveFolder[] {
  const folders = new Map(above.map(({ path, mode, uid, gid }) => [path, { path, mode, uid, gid }]));
  return [...folders.values()].filter(({ mode, uid, gid }) => mode !== 0o755 || uid !== 0 || gid !== 0).sort((a, b) => compare(a.path, b.path));
}

/** A record of bucket `layers`, under `plan-<requirement hash>-<16 digits>`. */
interface StoredPlan {
  readonly format: 1;
  readonly layers: readonly RecipeHash[];
  readonly parts: readonly Part[];
  readonly waste: number;
}

async function readPlan(key: string, store: Store): Promise<StoredPlan | undefined> {
  const found = (await store.getRecord('layers', key)) as unknown as StoredPlan | undefined;
  return found?.format === 1 ? found : undefined;
}

/** Undefined if anything of it is gone. */
async function findPlan(key: string, store: Store): Promise<EarlierPlan | undefined> {
  const found = await readPlan(key, store);
  if (found === undefined) return undefined;
  const layers = await Promise.all(found.layers.map((recipe) => findLayer(recipe, store)));
  if (layers.includes(undefined)) return undefined;
  return { key, layers: layers as Layer[], recipes: found.layers, parts: found.parts, waste: found.waste };
}

async function putPlan(key: string, { layers, recipes, parts, waste }: Plan, store: Store): Promise<void> {
  const plan: StoredPlan = { format: 1, layers: recipes, parts, waste };
  const contents = layers.flatMap(({ content }) => (content.kind === 'pieces' ? [content] : []));
  await store.putRecord('layers', key, plan as unknown as Data, { blobs: piecesOf(contents) });
}

/** A record of bucket `layers`, under `chain-<hash>`: keys of plans, newest first. */
interface StoredChain {
  readonly format: 1;
  readonly plans: readonly string[];
}

async function earlierPlans(chain: string, store: Store): Promise<readonly EarlierPlan[]> {
  const found = (await store.getRecord('layers', `chain-${chain}`)) as unknown as StoredChain | undefined;
  const plans = await Promise.all((found?.format === 1 ? found.plans : []).map((key) => findPlan(key, store)));
  return plans.flatMap((plan) => plan ?? []);
}

async function putEarlier(chain: string, plans: readonly string[], store: Store): Promise<void> {
  const record: StoredChain = { format: 1, plans: [...new Set(plans)].slice(0, MAX_EARLIER) };
  await store.putRecord('layers', `chain-${chain}`, record as unknown as Data);
}
