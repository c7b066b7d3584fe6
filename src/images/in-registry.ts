import type { ImageKey } from '../core/identity.js';
import { parseReference } from '../docker/reference.js';
import type { RegistryClient } from '../registry/client.js';
import { findLabelled } from '../registry/find-labelled.js';
import type { Manifest } from '../registry/manifest.js';
import { LABELS } from './labels.js';
import { keyTag } from './tags.js';

/** False for a name that means Docker Hub's own namespace, as a name without a registry does: nothing of ours is there. */
export function namesRegistry(repository: string): boolean {
  const reference = parseReference(repository);
  return reference?.registry !== undefined || reference?.path.includes('/') === true;
}

/** The manifest of the image with this key, if its registry has it: found by the key's tag, believed by the key's label. */
export function findInRegistry(client: RegistryClient, repository: string, key: ImageKey): Promise<Manifest | undefined> {
  return findLabelled(client, { repository, tag: keyTag(key), label: LABELS.key, value: key });
}
