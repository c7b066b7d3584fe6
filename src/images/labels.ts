import { canonical } from '../core/record.js';
import type { ImageKey } from '../core/identity.js';
import type { KeyRecord } from '../artifact/kind.js';
import type { Origin } from './planner.js';

export const LABELS = {
  project: 'wheelwright.project',
  image: 'wheelwright.image',
  key: 'wheelwright.key',
  record: 'wheelwright.record',
  /** Some layers keep files of earlier versions; whatever is built on the image inherits it, as it inherits the layers. */
  extended: 'wheelwright.extended',
} as const;

export interface LabelFacts {
  readonly project: string;
  readonly image: string;
  readonly key: ImageKey;
  readonly record: KeyRecord;
  /** Full hex of HEAD. */
  readonly commit?: string;
  readonly origin?: Origin;
  /** The revision's tag. */
  readonly version?: string;
  /** The base image of the stage that is built, if it is somebody else's. */
  readonly base?: { readonly name: string; readonly digest?: string };
}

/** OCI annotations and ours. Set at the end of a build, so that a new value does not undo the engine's cache. */
export function imageLabels({ project, image, key, record, commit, origin, version, base }: LabelFacts): Record<string, string> {
  return {
    [LABELS.project]: project,
    [LABELS.image]: image,
    [LABELS.key]: key,
    [LABELS.record]: canonical(record),
    'org.opencontainers.image.title': image,
    // A child must not inherit what is true of its parent only: absent facts are written as empty.
    'org.opencontainers.image.source': origin?.source ?? '',
    'org.opencontainers.image.revision': commit ?? '',
    'org.opencontainers.image.version': version ?? '',
    'org.opencontainers.image.created': origin?.committedAt ?? '',
    'org.opencontainers.image.base.name': base?.name ?? '',
    'org.opencontainers.image.base.digest': base?.digest ?? '',
  };
}
