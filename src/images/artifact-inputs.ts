import { posix } from 'node:path';
import type { Project } from '../config/project.js';

/**
 * Files and globs that an artifact's spec names, relative to the project's root; for telling whether a changed path reaches it. What
 * these files include in turn (`-r other.txt`) its kind says, see `inputs` in artifact/kind.ts.
 */
export async function artifactInputs(project: Project, name: string): Promise<readonly string[]> {
  const spec = project.artifacts.get(name);
  switch (spec?.kind) {
    case undefined:
      return [];
    case 'python':
      return spec.requirements.map(({ value }) => posix.normalize(value));
    case 'node': {
      const folder = posix.dirname(posix.normalize(spec.package.value));
      return ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', '.npmrc'].map((file) => posix.join(folder, file));
    }
    case 'command':
      return spec.inputs.map(({ value }) => posix.normalize(value));
  }
}
