import type { KeyRecord, Planned } from '../artifact/kind.js';
import { nearestRecord } from '../plan/difference.js';
import type { Store } from '../store/store.js';
import type { StoredArtifact } from './artifacts.js';

export interface EarlierRecord {
  readonly key: string;
  readonly record: KeyRecord;
}

/** Among the other artifacts of this set in the store the one with the fewest differences; of equals the latest. */
export async function nearestEarlier(store: Store, name: string, planned: Planned): Promise<EarlierRecord | undefined> {
  const found: (EarlierRecord & { readonly usedAt: number })[] = [];
  for await (const entry of store.listRecords('artifacts')) {
    const stored = entry.value as unknown as StoredArtifact;
    if (entry.key !== planned.key && stored.name === name) found.push({ key: entry.key, record: stored.record, usedAt: entry.usedAt });
  }
  // Oldest first: of equally near ones the last counts.
  found.sort((a, b) => a.usedAt - b.usedAt);
  const nearest = nearestRecord(found.map((one) => one.record), planned.record);
  return found.find((one) => one.record === nearest);
}
