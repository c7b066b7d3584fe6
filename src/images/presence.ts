import type { ImageId, ImageKey } from '../core/identity.js';
import { parseReference } from '../docker/reference.js';
import type { Engine, ImageSummary } from '../engine/engine.js';
import { lazy, memoised } from '../util/memo.js';
import { LABELS } from './labels.js';
import { keyTag } from './tags.js';

/** An image that the engine has under its key. */
export interface PresentImage {
  readonly id: ImageId;
  readonly tags: readonly string[];
}

/** Which images an engine has under their keys, as it was when it was first asked. */
export interface Presence {
  find(repository: string, key: ImageKey): Promise<PresentImage | undefined>;
}

/** From so many images on, one question for all that the engine has costs less than one for each. */
const MANY = 64;

/** Each image is asked for once; an engine takes longer to list all that it has than to look at a few. */
export function createPresence(engine: Engine, { images }: { readonly images: number }): Presence {
  const listed = lazy(() => presentImages(engine));
  const looked = memoised(async (name) => {
    const [repository, key] = name.split(' ') as [string, ImageKey];
    return presentImage(engine, repository, key);
  });
  return { find: async (repository, key) => (images < MANY ? looked(`${repository} ${key}`) : (await listed()).get(key)) };
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
