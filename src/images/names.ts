import type { ImageSpec, Project } from '../config/project.js';
import { fail } from '../core/failure.js';
import { canonicalName, parseReference } from '../docker/reference.js';
import { nearest } from '../util/nearest.js';

/**
 * The image of the project that a reference names: its short name or its full repository, tagged or not. A reference with
 * a digest names bytes, not an image of the project.
 */
export function imageNamed(project: Project, text: string): string | undefined {
  const reference = parseReference(text);
  if (reference === undefined || reference.digest !== undefined) return undefined;
  if (project.images.has(reference.name)) return reference.name;
  const name = canonicalName(reference);
  for (const spec of project.images.values()) {
    const repository = parseReference(spec.repository);
    if (repository !== undefined && canonicalName(repository) === name) return spec.name;
  }
  return undefined;
}

/** The image of that short name. Fails `usage`, with the nearest name. */
export function specNamed(project: Project, name: string): ImageSpec {
  const spec = project.images.get(name);
  if (spec !== undefined) return spec;
  const names = [...project.images.keys()];
  const near = nearest(name, names);
  return fail({
    reason: 'usage',
    message: `no image is named "${name}"`,
    advice: near !== undefined ? `did you mean ${near}?` : names.length > 0 ? `the images of ${project.file} are ${names.join(', ')}` : `${project.file} has none: add it under \`images\``,
  });
}

/** Images that artifacts are built in, or that images copy from as their builders. */
export function builderImages(project: Project): Set<string> {
  const ofArtifacts = [...project.artifacts.values()].map(({ builder }) => imageNamed(project, builder.value));
  const ofImages = [...project.images.values()].map(({ builder }) => builder?.value);
  return new Set([...ofArtifacts, ...ofImages].filter((name) => name !== undefined));
}

/** The images that are meant by these names, each once; without any all but those that are used as builders only. Fails `usage`. */
export function selectedImages(project: Project, names: readonly string[] | undefined): string[] {
  if (names !== undefined && names.length > 0) return [...new Set(names.map((name) => specNamed(project, name).name))];
  const builders = builderImages(project);
  return [...project.images.values()].filter(({ name, role }) => role || !builders.has(name)).map(({ name }) => name);
}
