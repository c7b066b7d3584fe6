import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

export const PROJECT_FILE = 'project.yml';

/**
 * Absolute path of the project file for a folder: in it or in the nearest folder above, up to the root of the git
 * checkout that the folder is in, or else of the file system. Undefined if there is none.
 */
export async function findProject(cwd: string): Promise<string | undefined> {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const file = join(folder, PROJECT_FILE);
    const [project, git] = await Promise.all([stat(file).catch(() => undefined), stat(join(folder, '.git')).catch(() => undefined)]);
    if (project?.isFile()) return file;
    // A worktree and a submodule have a file `.git`, which ends the search as well.
    if (git || dirname(folder) === folder) return undefined;
  }
}
