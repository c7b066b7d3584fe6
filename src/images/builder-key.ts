import type { BuilderKey } from '../core/identity.js';
import { hashRecord } from '../core/record.js';

/** Key of a builder that is no image of the project; `base` is what stands for it in keys (`identityText`). */
export function externalBuilderKey(base: string): BuilderKey {
  return hashRecord<BuilderKey>({ format: 1, kind: 'builder', base });
}
