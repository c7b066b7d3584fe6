import { dirname } from 'node:path';
import { Failed } from '../core/failure.js';
import type { Problem } from '../core/failure.js';

/** What the system's error codes mean to the user, and what to do. */
const DISK: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ['no space left on the disk', 'Free some space (`artifacts gc` removes what is unused) and run again.'],
  EDQUOT: ['the disk quota is used up', 'Free some space (`artifacts gc` removes what is unused) and run again.'],
  EROFS: ['the file system is read-only', 'Choose a store on a writable disk with --store.'],
  EACCES: ['permission denied', 'Give the folder to the user who runs the command (chown), or choose another with --store.'],
  EPERM: ['operation not permitted', 'Give the folder to the user who runs the command (chown), or choose another with --store.'],
  EMFILE: ['too many open files', 'Raise the limit with `ulimit -n`, or lower --jobs.'],
  ENFILE: ['too many open files in the whole system', 'Close other programs, or lower --jobs.'],
  EIO: ['the disk reports an input/output error', "Check the disk's health; the store itself can be deleted and built anew."],
  EFBIG: ['the file is larger than the file system allows', 'Choose a store on another disk with --store.'],
  ENAMETOOLONG: ['the path is too long', 'Choose a store with a shorter path with --store.'],
};

/** The code of a system error (`ENOENT`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** A disk problem for a system error that means one, else undefined. `path` stands in where the error names none. */
export function diskProblem(error: unknown, path: string): Problem | undefined {
  const known = DISK[errorCode(error) ?? ''];
  if (known === undefined) return undefined;
  const { path: source, dest } = error as { path?: string; dest?: string };
  const file = dest ?? source ?? path;
  // Whatever file was the one too many: all that fail for it say the same.
  const full = errorCode(error) === 'ENOSPC' || errorCode(error) === 'EDQUOT';
  return { reason: 'disk', message: `can't ${full ? `write to ${dirname(file)}` : `use ${file}`}: ${known[0]}`, advice: known[1] };
}

/** Runs file-system work on `path`; a disk problem becomes `Failed` (reason `disk`), anything else passes through. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, path);
  }
}

/** The `Failed` for a disk problem, or the error itself. */
export function diskError(error: unknown, path: string): unknown {
  const problem = diskProblem(error, path);
  return problem === undefined ? error : new Failed(problem, { cause: error });
}
