import type { Project } from '../config/project.js';
import { Patterns } from '../docker/pattern.js';
import { memoised } from '../util/memo.js';
import type { ImageContext } from './context.js';
import type { ImageNode } from './node.js';
import { imageNamed } from './names.js';

/** How a changed path reaches an image. */
export interface Change {
  /** As it was given. */
  readonly path: string;
  /** What brings it in, if not the image's own context: `image base`, `artifact python`. */
  readonly through?: string;
}

export interface ChangeFinderParts {
  readonly project: Project;
  readonly node: (name: string) => Promise<ImageNode>;
  readonly context: (name: string) => Promise<ImageContext>;
  /** Files or globs, relative to the root, whose change reaches the artifact. */
  readonly artifactInputs: (name: string) => Promise<readonly string[]>;
}

/**
 * Whether changed paths (relative to the project's root; one may be a folder) reach an image: its Dockerfile, ignore file
 * and context, its artifacts' inputs and builders, its parents. Undefined if none does; each image is looked at once.
 */
export function createChangeFinder(parts: ChangeFinderParts, changed: readonly string[]): (name: string) => Promise<Change | undefined> {
  const { project } = parts;
  const imageChange = memoised(findImageChange);
  const artifactChange = memoised(findArtifactChange);
  return async (name) => (changed.length === 0 ? undefined : imageChange(name));

  async function findImageChange(name: string): Promise<Change | undefined> {
    const { edges, spec } = await parts.node(name);
    const { reachedBy } = await parts.context(name);
    const own = changed.find(reachedBy);
    if (own !== undefined) return { path: own };
    for (const { to } of edges) {
      const change = await imageChange(to);
      if (change !== undefined) return { path: change.path, through: `image ${to}` };
    }
    for (const { value } of spec.artifacts) {
      const change = await artifactChange(value);
      if (change !== undefined) return { path: change.path, through: `artifact ${value}` };
    }
    return undefined;
  }

  async function findArtifactChange(name: string): Promise<Change | undefined> {
    const globs = await parts.artifactInputs(name);
    const inputs = new Patterns(globs);
    const own = changed.find((path) => inputs.matches(path) || globs.some((glob) => glob.startsWith(`${path}/`)));
    if (own !== undefined) return { path: own };
    const spec = project.artifacts.get(name);
    const builder = spec === undefined ? undefined : imageNamed(project, spec.builder.value);
    const built = builder === undefined ? undefined : await imageChange(builder);
    if (built !== undefined) return built;
    if (spec?.kind !== 'command') return undefined;
    for (const { value } of spec.needs) {
      const change = await artifactChange(value);
      if (change !== undefined) return change;
    }
    return undefined;
  }
}
