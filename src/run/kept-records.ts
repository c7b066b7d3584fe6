import type { KeyedRecord, KeyRecord } from '../artifact/kind.js';
import { Failed } from '../core/failure.js';
import { identityText, type BaseIdentity } from '../images/base.js';
import { externalBuilderKey } from '../images/builder-key.js';
import { LABELS } from '../images/labels.js';
import { ownImage, type OwnImage } from '../images/own-image.js';
import type { RecordEntry, Store } from '../store/store.js';
import type { RecordName } from '../store/gc-plan.js';
import type { Artifacts, StoredArtifact } from './artifacts.js';
import { prunePlan } from './prune.js';
import type { World } from './world.js';

export interface KeptRecords {
  readonly keep: readonly RecordName[];
  /** False if the engine is not there: what its images need is not known. */
  readonly imagesKnown: boolean;
}

type Parts = Pick<World, 'project' | 'images' | 'engine' | 'hostEnv' | 'store' | 'kinds'>;

/**
 * The store's records that this checkout would use, and those that other branches, git tags and worktrees would use as far
 * as the engine's images tell: their artifacts, and what is needed to plan them again.
 */
export async function keptRecords(world: Parts, artifacts: Pick<Artifacts, 'plan'>): Promise<KeptRecords> {
  const { project, store, kinds } = world;
  const current = await Promise.all([...project.artifacts.keys()].map((name) => artifacts.plan(name)));
  const images = await keptImages(world);
  const wanted = new Set<string>([...current.map(({ key }) => key), ...(images ?? []).flatMap((image) => image.artifacts)]);
  const kept = [...current, ...(await withNeeded(store, wanted))];
  const builders = new Set(kept.flatMap(({ record }) => (typeof record['builder'] === 'string' ? [record['builder']] : [])));
  const bases = new Set((images ?? []).flatMap((image) => image.bases));
  const isBase = ({ value }: RecordEntry): boolean => {
    const text = identityText(value as unknown as BaseIdentity);
    return bases.has(text) || builders.has(externalBuilderKey(text));
  };
  const locks = await all(store, 'locks');
  const lockKeys = Object.entries(kinds).flatMap(([kind, { locksOf }]) => locksOf?.(kept.filter(({ record }) => record.kind === kind), locks) ?? []);
  const named = (bucket: RecordName['bucket'], keys: Iterable<string>): RecordName[] => [...new Set(keys)].map((key) => ({ bucket, key }));
  return {
    keep: [
      ...named('artifacts', [...wanted, ...kept.map(({ key }) => key)]),
      ...named('images', (images ?? []).map(({ key }) => key)),
      ...named('locks', lockKeys),
      ...named('builders', builders),
      ...named('bases', (await all(store, 'bases')).filter(isBase).map(({ key }) => key)),
    ],
    imagesKnown: images !== undefined,
  };
}

/** Images that `prune` would keep; where it can't tell, all of the project's. Undefined without an engine. */
async function keptImages(world: Parts): Promise<readonly OwnImage[] | undefined> {
  try {
    return (await prunePlan(world)).filter(({ action }) => action !== 'remove').map(({ image }) => image);
  } catch (error) {
    if (!isAnswer(error)) return undefined;
  }
  try {
    const images = await world.engine.images([`${LABELS.project}=${world.project.name}`]);
    return images.flatMap((image) => ownImage(image, world.project.name) ?? []);
  } catch (error) {
    return isAnswer(error) ? [] : undefined;
  }
}

/** False if it was the engine that failed. Collecting garbage is no time to complain about a Dockerfile. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof Failed) || error.has('interrupted')) throw error;
  return !error.has('engine');
}

/** The artifacts of these keys that the store has, and those that they were made from. */
async function withNeeded(store: Store, keys: ReadonlySet<string>): Promise<readonly KeyedRecord[]> {
  const stored = new Map((await all(store, 'artifacts')).map(({ key, value }) => [key, (value as unknown as StoredArtifact).record]));
  const found = new Map<string, KeyRecord>();
  const visit = (key: string): void => {
    const record = stored.get(key);
    if (record === undefined || found.has(key)) return;
    found.set(key, record);
    for (const needed of Object.values((record['needs'] ?? {}) as Readonly<Record<string, string>>)) visit(needed);
  };
  keys.forEach(visit);
  return [...found].map(([key, record]) => ({ key, record }));
}

async function all(store: Store, bucket: RecordName['bucket']): Promise<RecordEntry[]> {
  const entries: RecordEntry[] = [];
  for await (const entry of store.listRecords(bucket)) entries.push(entry);
  return entries;
}
