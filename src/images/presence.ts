import type { ImageId, ImageKey } from '../core/identity.js';
import { canonicalName, parseReference, type Reference } from '../docker/reference.js';
import type { Engine, ImageSummary } from '../engine/engine.js';
import { lazy, memoised } from '../util/memo.js';
import { LABELS } from './labels.js';
import { keyTag } from './tags.js';

/** An image that the engine has under its key. */
export interface PresentImage {
  readonly id: ImageId;
  readonly tags: readonly string[];
  /** Its layers keep files of earlier versions. */
  readonly extended?: boolean;
}

/** Which images an engine has under their keys, as it was when it was first asked. */
export interface Presence {
  find(repository: string, key: ImageKey): Promise<PresentImage | undefined>;
}

export interface PresenceOptions {
  /** How many will be asked for, about. */
  readonly images: number;
  /** Images are for others: extended ones count as absent. */
  readonly released?: boolean;
}

/** From so many images on, one question for all that the engine has costs less than one for each. */
const MANY = 64;

/** Each image is asked for once; an engine takes longer to list all that it has than to look at a few. */
export function createPresence(engine: Pick<Engine, 'image' | 'images'>, { images, released = false }: PresenceOptions): Presence {
  const listed = lazy(() => presentImages(engine));
  const looked = memoised(async (name) => {
    const [repository, key] = name.split(' ') as [string, ImageKey];
    return images < MANY ? presentImage(engine, repository, key, { released }) : fit((await listed()).get(referenceOf(repository, key)), released);
  });
  return { find: (repository, key) => looked(`${repository} ${key}`) };
}

/** All images of ours that the engine has, by the reference with their key's tag; one question. */
async function presentImages(engine: Pick<Engine, 'images'>): Promise<ReadonlyMap<string, PresentImage>> {
  const found = new Map<string, PresentImage>();
  for (const image of await engine.images([LABELS.key])) {
    const key = image.labels[LABELS.key];
    // Labels are inherited: only the image that also has the key as a tag is the one that was built under it.
    for (const tag of key === undefined ? [] : image.tags) {
      const reference = parseReference(tag);
      if (reference?.tag === keyTag(key as ImageKey)) found.set(fullReference(reference), presentOf(image));
    }
  }
  return found;
}

/** The image with that key, asked for by its tag, as it is now. */
export async function presentImage(engine: Pick<Engine, 'image'>, repository: string, key: ImageKey, { released = false }: Pick<PresenceOptions, 'released'> = {}): Promise<PresentImage | undefined> {
  const image = await engine.image(`${repository}:${keyTag(key)}`);
  return image?.labels[LABELS.key] === key ? fit(presentOf(image), released) : undefined;
}

function fit(found: PresentImage | undefined, released: boolean): PresentImage | undefined {
  return released && found?.extended === true ? undefined : found;
}

function presentOf({ id, tags, labels }: Pick<ImageSummary, 'id' | 'tags' | 'labels'>): PresentImage {
  return { id, tags, extended: labels[LABELS.extended] !== undefined };
}

function referenceOf(repository: string, key: ImageKey): string {
  const reference = parseReference(`${repository}:${keyTag(key)}`);
  return reference === undefined ? '' : fullReference(reference);
}

function fullReference(reference: Reference): string {
  return `${canonicalName(reference)}:${reference.tag}`;
}
