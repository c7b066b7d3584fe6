import type { ImageId, ImageKey } from '../core/identity.js';
import { parseReference } from '../docker/reference.js';
import type { Engine, ImageSummary } from '../engine/engine.js';
import { LABELS } from './labels.js';
import { keyTag } from './tags.js';

/** An image that the engine has under its key. */
export interface PresentImage {
  readonly id: ImageId;
  readonly tags: readonly string[];
}

/** All images of ours that the engine has, by key; one question. */
export async function presentImages(engine: Engine): Promise<ReadonlyMap<string, PresentImage>> {
  const found = new Map<string, PresentImage>();
  for (const image of await engine.images([LABELS.key])) {
    const key = image.labels[LABELS.key];
    if (key !== undefined && isTagged(image, key as ImageKey)) found.set(key, { id: image.id, tags: image.tags });
  }
  return found;
}

/** The image with that key, asked for by its tag. */
export async function presentImage(engine: Pick<Engine, 'image'>, repository: string, key: ImageKey): Promise<PresentImage | undefined> {
  const image = await engine.image(`${repository}:${keyTag(key)}`);
  return image?.labels[LABELS.key] === key ? { id: image.id, tags: image.tags } : undefined;
}

/** Labels are inherited: only the image that also has the key as a tag is the one that was built under it. */
function isTagged(image: ImageSummary, key: ImageKey): boolean {
  return image.tags.some((tag) => parseReference(tag)?.tag === keyTag(key));
}
