import { fail } from '../core/failure.js';
import { parseReference } from '../docker/reference.js';
import type { ReadyImage } from './ready-image.js';

/** Fails `config`: Docker Hub's own namespace is what a name without a registry means; nobody pushes there by intention. */
export function checkName({ name, repository }: Pick<ReadyImage, 'name' | 'repository'>): void {
  const reference = parseReference(repository);
  if (reference?.registry !== undefined || reference?.path.includes('/') === true) return;
  fail({ reason: 'config', message: `the image "${name}" can't be pushed: its name ${repository} has no registry`, advice: 'set `registry:` in the project file, or `repository:` of the image' });
}
