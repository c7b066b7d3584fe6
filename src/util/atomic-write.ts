import { renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { onDisk } from './disk.js';
import { SyncedFile } from './synced-file.js';

export interface AtomicWriteOptions {
  /** A new name in the same file system, made by the caller's own rule so that leftovers are recognised. */
  readonly temp: string;
  /** Exact mode, whatever the umask. Default 0644. */
  readonly mode?: number;
}

/** Replaces the file in one step: readers see the old bytes or all the new ones. Synced before it shows. */
export async function atomicWrite(path: string, bytes: string | Uint8Array, options: AtomicWriteOptions): Promise<void> {
  await onDisk(path, async () => {
    try {
      await writeSynced(options.temp, bytes, options.mode ?? 0o644);
      renameSync(options.temp, path);
    } catch (error) {
      await rm(options.temp, { force: true }).catch(() => undefined);
      throw error;
    }
  });
}

/** Creates a file that must not exist yet, with its exact mode, and syncs its bytes. */
export async function writeSynced(path: string, bytes: string | Uint8Array, mode: number): Promise<void> {
  const file = new SyncedFile(path);
  try {
    await file.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    await file.finish(mode);
  } finally {
    file.close();
  }
}
