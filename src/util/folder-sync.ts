import { closeSync, fsync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const syncDescriptor = promisify(fsync);

/**
 * Makes a folder's names durable. Calls that come while a sync runs share the next one, so hundreds of parallel
 * writers cost a handful of syncs. File systems that cannot sync a folder are taken as they are.
 */
export function folderSync(path: string): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = (): Promise<void> => {
    next = undefined;
    running = sync(path).finally(() => (running = undefined));
    return running;
  };
  return () => {
    if (running === undefined) return start();
    // The running sync may have begun before the caller's rename: only the one after it counts.
    next ??= running.then(start);
    return next;
  };
}

async function sync(path: string): Promise<void> {
  try {
    const folder = openSync(path, 'r');
    try {
      await syncDescriptor(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // Not supported here; what is lost with the power is built again.
  }
}
