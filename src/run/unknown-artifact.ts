import type { Project } from '../config/project.js';
import type { Problem } from '../core/failure.js';
import { nearest } from '../util/nearest.js';

/** What to say of a name that no artifact of the project has. */
export function unknownArtifact(project: Project, name: string): Problem {
  const names = [...project.artifacts.keys()];
  const near = nearest(name, names);
  const all = names.length === 0 ? `${project.file} has none: add it under \`artifacts\`` : `the artifacts of ${project.file} are ${names.join(', ')}`;
  return { reason: 'usage', message: `no artifact is named "${name}"`, advice: near === undefined ? all : `did you mean ${near}?` };
}
