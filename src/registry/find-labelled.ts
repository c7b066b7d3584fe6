import type { RegistryClient } from './client.js';
import type { ImageManifest, Manifest } from './manifest.js';

export interface Labelled {
  readonly repository: string;
  readonly tag: string;
  readonly label: string;
  readonly value: string;
}

/** An image's configuration is a few KiB; labels may hold records. */
const CONFIG_LIMIT = 8 * 1024 * 1024;

/** The manifest under a tag, if its image carries the label with this value. Of an index one image is looked at. */
export async function findLabelled(client: RegistryClient, { repository, tag, label, value }: Labelled): Promise<Manifest | undefined> {
  const manifest = await client.getManifest(repository, tag);
  if (manifest === undefined) return undefined;
  const image = await imageOf(client, repository, manifest);
  const config = image === undefined ? undefined : await client.getBlob(repository, image.config.digest, CONFIG_LIMIT);
  return config !== undefined && labelsOf(config)[label] === value ? manifest : undefined;
}

async function imageOf(client: RegistryClient, repository: string, { content }: Manifest): Promise<ImageManifest | undefined> {
  if (content.kind === 'image') return content;
  // What has no platform is no image but something about one, such as an attestation.
  const entry = content.manifests.find(({ platform }) => platform !== undefined && !platform.startsWith('unknown/'));
  const manifest = entry === undefined ? undefined : await client.getManifest(repository, entry.digest);
  return manifest?.content.kind === 'image' ? manifest.content : undefined;
}

function labelsOf(config: Buffer): Readonly<Record<string, unknown>> {
  try {
    const { config: inner } = JSON.parse(config.toString('utf8')) as { config?: { Labels?: unknown } };
    return typeof inner?.Labels === 'object' && inner.Labels !== null ? (inner.Labels as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
