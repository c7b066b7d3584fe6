import { Failed, type Problem } from '../core/failure.js';
import type { Artifacts, EnsuredArtifact } from './artifacts.js';

/** What `artifacts build` did; problems of all that failed, in the order of the project file. */
export interface BuildResult {
  readonly artifacts: readonly (EnsuredArtifact | FailedArtifact)[];
  readonly problems: readonly Problem[];
}

export interface FailedArtifact {
  readonly name: string;
  readonly status: 'failed';
}

/** Finds or makes these artifacts, all at once; one that fails leaves the others alone. */
export async function buildArtifacts(artifacts: Artifacts, names: readonly string[]): Promise<BuildResult> {
  const settled = await Promise.allSettled(names.map((name) => artifacts.ensure(name)));
  const problems = new Map<string, Problem>();
  const results = settled.map((result, index) => {
    if (result.status === 'fulfilled') return result.value;
    if (!(result.reason instanceof Failed)) throw result.reason;
    // Two sets that need the same failed thing, and all packages on a full disk, say the same: once is enough.
    for (const problem of result.reason.problems) problems.set(JSON.stringify(problem), problem);
    return { name: names[index] as string, status: 'failed' as const };
  });
  return { artifacts: results, problems: [...problems.values()] };
}
