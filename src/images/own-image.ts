import type { ImageId } from '../core/identity.js';
import { parseReference } from '../docker/reference.js';
import type { ImageSummary } from '../engine/engine.js';
import { LABELS } from './labels.js';

/** An image of the engine that was built under its key for a project. */
export interface OwnImage {
  readonly id: ImageId;
  /** Short name in the project. */
  readonly name: string;
  readonly key: string;
  /** Full references. */
  readonly tags: readonly string[];
  /** Bytes, with the layers that it shares. */
  readonly size: number;
  /** Clone address of the repository that it was built from; empty if that had none. */
  readonly source: string;
  /** Keys of images that it is built from. */
  readonly parents: readonly string[];
  /** What stands for bases of others in its record. */
  readonly bases: readonly string[];
  /** Requirement hashes of the artifacts in it. */
  readonly artifacts: readonly string[];
}

/**
 * What an image's labels say. Undefined if it is none of the project's: labels are inherited by whatever is built from an
 * image, so only one that also has its key as a tag is the one that was built under it.
 */
export function ownImage(image: ImageSummary, project: string): OwnImage | undefined {
  const { [LABELS.project]: owner, [LABELS.image]: name, [LABELS.key]: key } = image.labels;
  if (owner !== project || name === undefined || key === undefined || key.length < KEY_TAG) return undefined;
  if (!image.tags.some((tag) => isKeyTag(tag, key))) return undefined;
  const { parents, artifacts } = readRecord(image.labels[LABELS.record]);
  return {
    id: image.id,
    name,
    key,
    tags: image.tags,
    size: image.size,
    source: image.labels['org.opencontainers.image.source'] ?? '',
    parents: behind('image ', parents),
    bases: behind('base ', parents),
    artifacts,
  };
}

const KEY_TAG = 12;

export function isKeyTag(reference: string, key: string): boolean {
  return tagOf(reference) === key.slice(0, KEY_TAG);
}

/** Empty where a reference has none. */
export function tagOf(reference: string): string {
  return parseReference(reference)?.tag ?? '';
}

/** The parts of a key record (see key.ts) that name other things. A label may hold anything. */
function readRecord(text: string | undefined): { readonly parents: readonly string[]; readonly artifacts: readonly string[] } {
  try {
    const record = JSON.parse(text ?? '{}') as { readonly parents?: unknown; readonly artifacts?: unknown } | null;
    return { parents: texts(record?.parents), artifacts: texts(record?.artifacts) };
  } catch {
    return { parents: [], artifacts: [] };
  }
}

function texts(map: unknown): string[] {
  return typeof map === 'object' && map !== null ? Object.values(map).filter((value) => typeof value === 'string') : [];
}

function behind(prefix: string, values: readonly string[]): string[] {
  return values.filter((value) => value.startsWith(prefix)).map((value) => value.slice(prefix.length));
}
