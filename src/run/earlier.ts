import type { KeyRecord } from '../artifact/kind.js';
import type { Store } from '../store/store.js';
import type { StoredArtifact } from './artifacts.js';

export interface EarlierRecord {
  readonly key: string;
  readonly record: KeyRecord;
  readonly usedAt: number;
}

/** Key records of the other artifacts of this set in the store, the latest first. */
export async function earlierRecords(store: Store, name: string, except: string): Promise<EarlierRecord[]> {
  const found: EarlierRecord[] = [];
  for await (const entry of store.listRecords('artifacts')) {
    const stored = entry.value as unknown as StoredArtifact;
    if (entry.key !== except && stored.name === name) found.push({ key: entry.key, record: stored.record, usedAt: entry.usedAt });
  }
  return found.sort((a, b) => b.usedAt - a.usedAt);
}
