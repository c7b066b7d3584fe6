import type { Artifact } from '../artifact/artifact.js';
import type { RequirementHash } from '../core/identity.js';
import { compare, hashRecord, type Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import { CANONICAL_FORMAT } from './canonical.js';
import type { AboveFolder, Layer } from './layer.js';
import { canonicalPlan, extendedPlan } from './plan-layers.js';
import { earlierPlans, findPlan, putPlan, rememberPlan, type Plan } from './stored-plan.js';

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

/**
 * The layers of an artifact; their tars are composed when they are read (`openLayer`). The first call plans: it extends the
 * layers of that earlier version from which the fewest new bytes lead here by one layer, or, where that would be too many or
 * too wasteful, makes a canonical set. The plan is remembered, so whoever shares the store gets the same layers.
 */
export async function artifactLayers(identity: ArtifactIdentity, { store, canonical = false }: ArtifactLayersOptions): Promise<ArtifactLayers> {
  const { name, artifact } = identity;
  const above = unusual(identity.above ?? []);
  const key = `plan-${identity.key}-${hashRecord({ above: above as unknown as Data, canonical: canonical && CANONICAL_FORMAT }).slice(0, 16)}`;
  const known = await findPlan(key, store);
  if (known !== undefined) return resultOf(known);
  const chain = chainOf(name, artifact, above);
  return store.withLock(`layers-${chain}`, async () => {
    // Somebody else may have made it while we waited.
    const found = await findPlan(key, store);
    if (found !== undefined) return resultOf(found);
    const earlier = await earlierPlans(chain, store);
    const planning = { artifact, above, store };
    const plan = (canonical ? undefined : await extendedPlan(planning, earlier)) ?? (await canonicalPlan(planning));
    await putPlan(key, plan, store);
    await rememberPlan(chain, [key, ...earlier.map((one) => one.key)], store);
    return resultOf(plan);
  });
}

function resultOf({ layers, waste }: Plan): ArtifactLayers {
  return { layers, waste };
}

/** Names the plans that may extend each other; `above` as `unusual` gives it. */
export function chainOf(name: string, { kind, prefix }: Pick<Artifact, 'kind' | 'prefix'>, above: readonly AboveFolder[]): string {
  return hashRecord({ name, kind, prefix, above: above as unknown as Data });
}

/** Those that are not 0755 0:0, sorted, each once. */
export function unusual(above: readonly AboveFolder[]): readonly AboveFolder[] {
  const folders = new Map(above.map(({ path, mode, uid, gid }) => [path, { path, mode, uid, gid }]));
  return [...folders.values()].filter(({ mode, uid, gid }) => mode !== 0o755 || uid !== 0 || gid !== 0).sort((a, b) => compare(a.path, b.path));
}
