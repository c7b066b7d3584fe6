import type { Project } from '../../config/project.js';
import { Failed, fail } from '../../core/failure.js';
import { isDiscovered } from '../../discover/is-discovered.js';
import { unknownArtifact } from '../../run/unknown-artifact.js';

/** The named artifacts, or all where none is named; each once, in the order given. Fails on unknown ones before any work. */
export function chosen(args: readonly string[], project: Project): string[] {
  if (isDiscovered(project)) {
    fail({
      reason: 'config',
      message: `there is no project.yml in ${project.root}, and artifacts are defined in one`,
      advice: 'write one, or name one with --file; `artifacts images` works without',
    });
  }
  const names = [...new Set(args)];
  const unknown = names.filter((name) => !project.artifacts.has(name));
  if (unknown.length > 0) throw new Failed(unknown.map((name) => unknownArtifact(project, name)));
  return names.length === 0 ? [...project.artifacts.keys()] : names;
}
