import { join, relative } from 'node:path';
import type { ComposeService } from '../config/compose.js';
import type { ImageSpec, Project } from '../config/project.js';
import { fail } from '../core/failure.js';
import { formatPlace } from '../core/place.js';
import { nearest } from '../util/nearest.js';
import { imageNamed } from './names.js';

/**
 * The project's images that a compose file's active services run: those whose name `image:` has, else whose Dockerfile
 * `build:` names. Short name → which service, in words. Fails `usage` if it is none, and where `image:` looks like a mistyped one.
 */
export function composeImages(project: Project, services: readonly ComposeService[], file: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const service of services.filter(({ active }) => active)) {
    const name = imageOf(project, service);
    if (name !== undefined && !found.has(name)) found.set(name, `service ${service.name.value} of ${formatPlace(service.name.place)} runs it`);
  }
  if (found.size > 0) return found;
  const inactive = services.find((service) => !service.active && imageOf(project, service) !== undefined);
  if (inactive !== undefined) {
    return fail({
      reason: 'usage',
      message: `no active service of ${file} runs an image of this project: ${inactive.name.value} is in a profile`,
      place: inactive.name.place,
      advice: `switch it on with --profile ${inactive.profiles[0]}`,
    });
  }
  const repositories = [...project.images.values()].map(({ repository }) => repository);
  const near = services.map(({ image }) => image && nearest(image.value.replace(/:[^/:]*$/, ''), repositories)).find((name) => name !== undefined);
  return fail({
    reason: 'usage',
    message: `no service of ${file} runs an image of this project`,
    place: { file, line: 1, column: 1 },
    advice: near === undefined ? `the images are called ${repositories.slice(0, 5).join(', ')}${repositories.length > 5 ? ', …' : ''}` : `did you mean ${near}?`,
  });
}

function imageOf(project: Project, { image, build }: ComposeService): string | undefined {
  const named = image === undefined ? undefined : imageNamed(project, image.value);
  if (named !== undefined || build === undefined) return named;
  return [...project.images.values()].find((spec) => relative(dockerfileOf(project, spec), build.dockerfile) === '')?.name;
}

function dockerfileOf(project: Project, spec: ImageSpec): string {
  return join(project.root, spec.dockerfile.value);
}
