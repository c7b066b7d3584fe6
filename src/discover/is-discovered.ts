import type { Project } from '../config/project.js';

/** What a project that was made out of a checkout's Dockerfiles says in the place of its file. */
export const NO_FILE = '.';

/** True if there is no project file behind the project. */
export function isDiscovered(project: Project): boolean {
  return project.file === NO_FILE;
}
