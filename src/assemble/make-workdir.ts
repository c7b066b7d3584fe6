import { posix } from 'node:path';
import { ownerNamed } from './owner.js';
import type { StageFiles } from './stage-files.js';

/** The working directory that WORKDIR sets: an absolute path as it is written, a relative one behind that from before. */
export function workdirOf(path: string, before: string): string {
  return path.startsWith('/') ? path : posix.join('/', before, path).replace(/(.)\/$/, '$1');
}

/** Makes a working directory and what is missing above it; all that belongs to the user who is set, if one is. */
export async function makeWorkdir(files: StageFiles, workdir: string, user: string): Promise<void> {
  if (workdir === '/') return;
  const owner = user === '' ? undefined : await ownerNamed(user, files);
  await files.makeFolders(await files.resolve(workdir), { owner });
}
