import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseDigest } from '../core/identity.js';
import type { Digest } from '../core/identity.js';
import { BUCKETS } from './layout.js';
import { findLeftovers } from './leftovers.js';
import type { LocalStore } from './local.js';
import type { Bucket } from './store.js';

/** Everything in a store, as plain data: what the garbage collector plans with. Sizes in bytes, times in ms. */
export interface Inventory {
  readonly records: readonly InventoryRecord[];
  readonly blobs: readonly InventoryBlob[];
  /** In corrupt/, logs/ and locks/: one entry each, `usedAt` = mtime. */
  readonly corrupt: readonly InventoryFile[];
  readonly logs: readonly InventoryFile[];
  readonly locks: readonly InventoryFile[];
  /** Temporary files and work folders of dead processes. */
  readonly leftovers: readonly InventoryFile[];
}

export interface InventoryRecord {
  readonly bucket: Bucket;
  readonly key: string;
  readonly blobs: readonly Digest[];
  /** False if a blob is missing or cut: it counts as absent. */
  readonly whole: boolean;
  readonly usedAt: number;
  readonly bytes: number;
}

export interface InventoryBlob {
  readonly digest: Digest;
  readonly bytes: number;
}

export interface InventoryFile {
  readonly path: string;
  readonly usedAt: number;
  readonly bytes: number;
}

/** Reads names, sizes and records, no blob's bytes. Corrupt records are set aside on the way. */
export async function takeInventory(store: LocalStore): Promise<Inventory> {
  const { layout } = store;
  const records: InventoryRecord[] = [];
  for (const bucket of BUCKETS) {
    for await (const { key, blobs, usedAt, bytes } of store.records.all(bucket)) {
      const whole = blobs.every((blob) => store.records.isThere(blob));
      records.push({ bucket, key, blobs: blobs.map(({ digest }) => digest), whole, usedAt, bytes });
    }
  }
  const blobs = readdirSync(layout.blobs).flatMap((name) => {
    const digest = parseDigest(name);
    const stat = lstatSync(join(layout.blobs, name), { throwIfNoEntry: false });
    return digest === undefined || stat === undefined ? [] : [{ digest, bytes: stat.size }];
  });
  const locks = readdirSync(layout.locks).filter((name) => name !== 'shared' && name !== 'store');
  return {
    records,
    blobs,
    corrupt: files(readdirSync(layout.corrupt).map((name) => join(layout.corrupt, name))),
    logs: files(readdirSync(layout.logs).map((name) => join(layout.logs, name))),
    locks: files(locks.map((name) => join(layout.locks, name))),
    leftovers: files(findLeftovers(store)),
  };
}

function files(paths: readonly string[]): readonly InventoryFile[] {
  return paths.flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined ? [] : [{ path, usedAt: Math.floor(stat.mtimeMs), bytes: treeSize(path) }];
  });
}

/** Bytes of all files below; 0 for what vanishes or can't be read. */
function treeSize(path: string): number {
  try {
    const stat = lstatSync(path);
    if (!stat.isDirectory()) return stat.size;
    return readdirSync(path).reduce((sum, name) => sum + treeSize(join(path, name)), 0);
  } catch {
    return 0;
  }
}
