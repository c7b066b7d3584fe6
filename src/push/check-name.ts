import { fail } from '../core/failure.js';
import { namesRegistry } from '../images/in-registry.js';
import type { ReadyImage } from './ready-image.js';

/** Fails `config`: Docker Hub's own namespace is what a name without a registry means; nobody pushes there by intention. */
export function checkName({ name, repository }: Pick<ReadyImage, 'name' | 'repository'>): void {
  if (namesRegistry(repository)) return;
  fail({ reason: 'config', message: `the image "${name}" can't be pushed: its name ${repository} has no registry`, advice: 'set `registry:` in the project file, or `repository:` of the image' });
}
