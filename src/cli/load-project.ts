import type { Project } from '../config/project.js';
import { findProject } from '../config/find.js';
import { readProject } from '../config/read.js';
import type { GlobalOptions } from './options.js';

/** The project with the command line's settings of images in it. */
export async function loadProject(options: Pick<GlobalOptions, 'file' | 'namespace' | 'imageSettings'>): Promise<Project> {
  const project = await findOrDiscover(options);
  const { imageSettings } = options;
  if (imageSettings === undefined) return project;
  const { applySettings } = await import('../images/settings.js');
  return applySettings(project, imageSettings, process.env);
}

/** The project file, or where there is none (and none was named) the project that the checkout's Dockerfiles make. */
async function findOrDiscover(options: Pick<GlobalOptions, 'file' | 'namespace'>): Promise<Project> {
  const cwd = process.cwd();
  if (options.file !== undefined) return readProject({ cwd, file: options.file });
  if ((await findProject(cwd)) !== undefined) return readProject({ cwd });
  const { discoverProject } = await import('../discover/find.js');
  const namespace = options.namespace ?? process.env['ARTIFACTS_NAMESPACE'];
  const found = await discoverProject({ cwd, env: process.env, ...(namespace === undefined || namespace === '' ? {} : { namespace }) });
  // Without a Dockerfile either, the reader's own complaint says what to write.
  return found ?? readProject({ cwd });
}
