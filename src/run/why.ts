import type { KeyRecord } from '../artifact/kind.js';
import { diffRecords, nearestRecord, renderDifference, type Difference } from '../plan/record-diff.js';
import type { Artifacts, StoredArtifact } from './artifacts.js';
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
  const others = await earlier(world, name, planned.key);
  const nearest = nearestRecord(others, planned.record);
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

async function earlier(world: World, name: string, key: string): Promise<{ key: string; record: KeyRecord; usedAt: number }[]> {
  const found: { key: string; record: KeyRecord; usedAt: number }[] = [];
  for await (const entry of world.store.listRecords('artifacts')) {
    const stored = entry.value as unknown as StoredArtifact;
    if (entry.key !== key && stored.name === name) found.push({ key: entry.key, record: stored.record, usedAt: entry.usedAt });
  }
  // The latest first, so that among equally near ones the newest is taken.
  return found.sort((a, b) => b.usedAt - a.usedAt);
}
