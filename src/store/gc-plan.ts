import type { Digest } from '../core/identity.js';
import { compare } from '../core/record.js';
import type { Inventory, InventoryBlob, InventoryFile, InventoryRecord } from './inventory.js';
import type { Bucket } from './store.js';

/** What stays. Durations in ms. */
export interface GcRules {
  /** Records that a checkout, branch or worktree would use: artifacts, locks, images, history. */
  readonly keep: readonly RecordName[];
  /** Records used within this time stay too (`--keep`). */
  readonly keepUsedFor: number;
  /** So many of the last used artifacts and images stay in any case. */
  readonly keepLast?: number;
  /** Default a week. */
  readonly keepCorruptFor?: number;
  /** Default 30 days. */
  readonly keepLogsFor?: number;
  /** ms since the epoch */
  readonly now: number;
}

export interface RecordName {
  readonly bucket: Bucket;
  readonly key: string;
}

/** What goes, in the order in which it is to go. */
export interface GcPlan {
  readonly records: readonly InventoryRecord[];
  readonly blobs: readonly InventoryBlob[];
  /** Old logs, corrupt files and locks, leftovers of dead processes. */
  readonly files: readonly InventoryFile[];
  /** All of it together. */
  readonly bytes: number;
}

const WEEK = 7 * 24 * 3_600_000;
const MONTH = 30 * 24 * 3_600_000;

/**
 * Pure. A record stays if it is named, recent or among the last; what it needs stays with it, and with an artifact the plan of
 * its layers. Any other record stays as long as all its blobs do (a package of an artifact that is kept), because dropping it
 * would free nothing. A record that lacks a blob counts as absent and goes. Blobs that no staying record needs go.
 */
export function planGc(rules: GcRules, inventory: Inventory): GcPlan {
  const whole = inventory.records.filter((record) => record.whole);
  const roots = rootsOf(rules, whole);
  const needed = new Set<Digest>([...roots].flatMap((record) => record.blobs));
  const stays = (record: InventoryRecord): boolean =>
    record.whole && (roots.has(record) || isBareLayer(record) || (record.blobs.length > 0 && record.blobs.every((digest) => needed.has(digest))));

  const old = (files: readonly InventoryFile[], age: number): readonly InventoryFile[] => files.filter((file) => file.usedAt < rules.now - age);
  const records = inventory.records.filter((record) => !stays(record));
  const blobs = inventory.blobs.filter(({ digest }) => !needed.has(digest));
  const files = [
    ...inventory.leftovers,
    ...old(inventory.corrupt, rules.keepCorruptFor ?? WEEK),
    ...old(inventory.logs, rules.keepLogsFor ?? MONTH),
    ...old(inventory.locks, WEEK),
  ];
  const bytes = [...records, ...blobs, ...files].reduce((sum, thing) => sum + thing.bytes, 0);
  return { records, blobs, files, bytes };
}

function rootsOf({ keep, keepUsedFor, keepLast = 0, now }: GcRules, records: readonly InventoryRecord[]): Set<InventoryRecord> {
  const named = new Set(keep.map(idOf));
  const roots = new Set(records.filter((record) => named.has(idOf(record)) || record.usedAt >= now - keepUsedFor));
  for (const bucket of ['artifacts', 'images'] satisfies Bucket[]) {
    const latest = records.filter((record) => record.bucket === bucket).sort((a, b) => b.usedAt - a.usedAt || compare(a.key, b.key));
    for (const record of latest.slice(0, keepLast)) roots.add(record);
  }
  const artifacts = new Set([...roots].flatMap(({ bucket, key }) => (bucket === 'artifacts' ? [key] : [])));
  for (const record of records) if (artifacts.has(plannedArtifact(record) ?? '')) roots.add(record);
  return roots;
}

/** Whose layers a record plans. They may hold pieces that the artifact itself does not have any more. */
function plannedArtifact({ bucket, key }: InventoryRecord): string | undefined {
  return bucket === 'layers' ? /^plan-([0-9a-f]{64})-/.exec(key)?.[1] : undefined;
}

/** A layer that only removes: images name it, it needs no blob, and is a few hundred bytes. */
function isBareLayer({ bucket, key, blobs }: InventoryRecord): boolean {
  return bucket === 'layers' && key.startsWith('layer-') && blobs.length === 0;
}

function idOf({ bucket, key }: RecordName): string {
  return `${bucket}/${key}`;
}
