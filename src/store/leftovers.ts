import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../util/disk.js';
import { removeTree } from '../util/remove-tree.js';
import { ownerOf } from './layout.js';
import type { LocalStore } from './local.js';

/**
 * Removes what killed processes left: temporary files, work folders, flags of the store lock, their own signs. What belongs
 * to a living process stays, so it may run beside others. Gives the paths of the temporary files and work folders; what
 * can't be removed (a file of another user) is a warning.
 */
export async function cleanLeftovers(store: LocalStore): Promise<readonly string[]> {
  const { layout, options } = store;
  const removed: string[] = [];
  for (const path of findLeftovers(store)) {
    try {
      await removeTree(path);
      removed.push(path);
    } catch (error) {
      const problem = { reason: 'disk', message: `can't remove what a killed run left in ${path}: ${errorCode(error) ?? String(error)}` } as const;
      options.emit({ type: 'warning', problem: { ...problem, advice: 'Remove it as its owner.' } });
    }
  }
  for (const path of [...ofTheDead(store, layout.shared), ...findDead(store)]) await rm(path, { force: true });
  return removed;
}

/** Temporary files and work folders whose process is dead. */
export function findLeftovers(store: LocalStore): readonly string[] {
  return [...ofTheDead(store, store.layout.tmp), ...ofTheDead(store, store.layout.work)];
}

/** Signs of processes that were killed. */
export function findDead(store: LocalStore): readonly string[] {
  return ofTheDead(store, store.layout.processes);
}

function ofTheDead({ processes }: LocalStore, folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => !processes.isAlive(ownerOf(name)))
    .map((name) => join(folder, name));
}
