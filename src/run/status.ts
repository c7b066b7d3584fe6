import { Failed, type Problem } from '../core/failure.js';
import { diffRecords, renderDifference } from '../plan/difference.js';
import type { Artifacts } from './artifacts.js';
import { nearestEarlier } from './earlier.js';
import type { World } from './world.js';

export interface Status {
  readonly artifacts: readonly ArtifactStatus[];
  readonly images: readonly ImageStatus[];
  readonly problems: readonly Problem[];
}

export interface ArtifactStatus {
  readonly name: string;
  readonly key?: string;
  readonly state: 'present' | 'missing' | 'unknown';
  /** Why it is missing, in a few words each. */
  readonly reasons: readonly string[];
  readonly packages?: number;
  /** Packages that would have to be fetched or compiled. */
  readonly missing: readonly string[];
}

export interface ImageStatus {
  readonly name: string;
  readonly key?: string;
  readonly state: 'present' | 'missing' | 'unknown';
  readonly tags: readonly string[];
}

/** What is there and what is not, and why; builds nothing but may resolve locks that were never resolved. */
export async function statusOf(world: World, artifacts: Artifacts): Promise<Status> {
  const problems: Problem[] = [];
  const asked = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      for (const problem of error.problems) if (!problems.some((one) => one.message === problem.message)) problems.push(problem);
      return otherwise;
    }
  };
  const names = [...world.project.artifacts.keys()];
  return {
    artifacts: await Promise.all(
      names.map((name) =>
        asked(() => artifactStatus(world, artifacts, name), { name, state: 'unknown' as const, reasons: ['its key is not known'], missing: [] }),
      ),
    ),
    images: await asked(() => imageStatus(world), []),
    problems,
  };
}

async function artifactStatus(world: World, artifacts: Artifacts, name: string): Promise<ArtifactStatus> {
  const planned = await artifacts.plan(name);
  const common = { name, key: planned.key, packages: planned.packageCount };
  if ((await artifacts.find(name)) !== undefined) return { ...common, state: 'present', reasons: [], missing: [] };
  const nearest = await nearestEarlier(world.store, name, planned);
  const reasons = nearest === undefined ? ['never built here'] : diffRecords(nearest.record, planned.record).map(renderDifference);
  return { ...common, state: 'missing', reasons, missing: await planned.missing() };
}

async function imageStatus(world: World): Promise<ImageStatus[]> {
  const planned = await world.images.plan();
  return Promise.all(
    planned.map(async ({ name, key, tags }) => {
      const found = await world.engine.image(tags[0] as string);
      return { name, key, state: found === undefined ? ('missing' as const) : ('present' as const), tags };
    }),
  );
}
