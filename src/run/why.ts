import { diffRecords, renderDifference, type Difference } from '../plan/difference.js';
import type { Artifacts } from './artifacts.js';
import { nearestEarlier } from './earlier.js';
import type { World } from './world.js';

export interface Explanation {
  readonly name: string;
  readonly key: string;
  readonly present: boolean;
  /** The earlier artifact that is nearest; absent if there is none. */
  readonly nearest?: string;
  readonly differences: readonly Difference[];
  readonly lines: readonly string[];
}

/** Why an artifact is (or was) built anew: its key record against the nearest other one of the same set in the store. */
export async function explain(world: World, artifacts: Artifacts, name: string): Promise<Explanation> {
  const planned = await artifacts.plan(name);
  const present = (await artifacts.find(name)) !== undefined;
  const nearest = await nearestEarlier(world.store, name, planned);
  const state = present ? 'is in the store' : 'is not in the store';
  if (nearest === undefined) {
    return { name, key: planned.key, present, differences: [], lines: [`${name} ${state}; no earlier build of it is known`] };
  }
  const differences = diffRecords(nearest.record, planned.record);
  return {
    name,
    key: planned.key,
    present,
    nearest: nearest.key,
    differences,
    lines: [`${name} ${state}; against the nearest earlier build ${nearest.key.slice(0, 12)}:`, ...differences.map((one) => `  ${renderDifference(one)}`)],
  };
}
