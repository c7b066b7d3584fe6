import type { ImageId } from '../core/identity.js';
import { detailsOf, imageOf, imageSummaryOf, list, object, text } from './answers.js';
import type { Connection } from './connection.js';
import type { ImageDetails, ImageInfo, ImageSummary } from './engine.js';
import { pathOf, splitTag } from './reference.js';
import { asking, statusOf, unless } from './refusal.js';

/** Undefined when the engine has no such image. */
export async function inspectImage({ transport }: Connection, reference: string): Promise<ImageInfo | undefined> {
  const path = `/images/${pathOf(reference)}/json`;
  return await asking(`inspect the image ${reference}`, () =>
    unless([404], undefined, async () => imageOf((await transport.json({ method: 'GET', path })).value)));
}

/** Undefined when the engine has no such image. */
export async function inspectDetails({ transport }: Connection, reference: string): Promise<ImageDetails | undefined> {
  const path = `/images/${pathOf(reference)}`;
  return await asking(`inspect the image ${reference}`, () =>
    unless([404], undefined, async () => {
      const [image, history] = await Promise.all(['json', 'history'].map((part) => transport.json({ method: 'GET', path: `${path}/${part}` })));
      return detailsOf(image!.value, history!.value);
    }));
}

export async function listImages({ transport }: Connection, labels: readonly string[]): Promise<readonly ImageSummary[]> {
  const path = `/images/json?filters=${encodeURIComponent(JSON.stringify({ label: labels }))}`;
  return await asking('list its images', async () => list((await transport.json({ method: 'GET', path })).value).map(imageSummaryOf));
}

export async function tagImage({ transport }: Connection, image: ImageId, reference: string): Promise<void> {
  const { repository, tag = 'latest' } = splitTag(reference);
  const path = `/images/${pathOf(image)}/tag?repo=${encodeURIComponent(repository)}&tag=${encodeURIComponent(tag)}`;
  await asking(`tag ${image} as ${reference}`, () => transport.json({ method: 'POST', path }));
}

/** Without force, so that nothing that a container uses can go. */
export async function removeImage(connection: Connection, reference: string): Promise<'removed' | 'absent' | 'in-use'> {
  return await asking(`remove the image ${reference}`, async () => {
    const removed = await removeReference(connection, reference);
    return removed === 'in-use' && isId(reference) ? await removeTagsOf(connection, reference) : removed;
  });
}

/** An image with several tags can only be removed by its tags; none is touched while a container needs the image. */
async function removeTagsOf(connection: Connection, id: string): Promise<'removed' | 'absent' | 'in-use'> {
  const image = await inspectImage(connection, id);
  if (image === undefined) return 'absent';
  if (image.tags.length < 2 || (await isUsed(connection, image.id))) return 'in-use';
  const results: string[] = [];
  for (const tag of image.tags) results.push(await removeReference(connection, tag));
  return results.includes('in-use') ? 'in-use' : 'removed';
}

async function removeReference({ transport }: Connection, reference: string): Promise<'removed' | 'absent' | 'in-use'> {
  try {
    await transport.json({ method: 'DELETE', path: `/images/${pathOf(reference)}` });
    return 'removed';
  } catch (error) {
    if (statusOf(error) === 404) return 'absent';
    if (statusOf(error) === 409) return 'in-use';
    throw error;
  }
}

async function isUsed({ transport }: Connection, id: ImageId): Promise<boolean> {
  const { value } = await transport.json({ method: 'GET', path: '/containers/json?all=1' });
  return list(value).some((container) => text(object(container)['ImageID']) === id);
}

function isId(reference: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(reference);
}
