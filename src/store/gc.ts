import { rm } from 'node:fs/promises';
import { onDisk } from '../util/disk.js';
import { removeTree } from '../util/remove-tree.js';
import { planGc } from './gc-plan.js';
import type { GcPlan, GcRules } from './gc-plan.js';
import { takeInventory } from './inventory.js';
import { cleanLeftovers } from './leftovers.js';
import type { LocalStore } from './local.js';

/** Plans and sweeps while no other command uses the store; with `dryRun` it only plans, beside the others. */
export async function collectGarbage(store: LocalStore, rules: GcRules, options: { readonly dryRun?: boolean } = {}): Promise<GcPlan> {
  if (options.dryRun === true) return store.withShared(async () => planGc(rules, await takeInventory(store)));
  return store.withExclusive(async () => {
    const plan = planGc(rules, await takeInventory(store));
    await sweep(store, plan);
    await cleanLeftovers(store);
    return plan;
  });
}

/**
 * Carries a plan out that was made under the exclusive lock that is still held. Records go first: killed at any point, no
 * record is left without its blobs, and the next collection finds the rest.
 */
export async function sweep(store: LocalStore, plan: GcPlan): Promise<void> {
  if (!store.isExclusive()) throw new Error('sweeping a store without holding it exclusively');
  for (const { bucket, key } of plan.records) await store.deleteRecord(bucket, key);
  for (const { digest } of plan.blobs) await onDisk(store.pathOf(digest), () => rm(store.pathOf(digest), { force: true }));
  for (const { path } of plan.files) await onDisk(path, () => removeTree(path));
}
