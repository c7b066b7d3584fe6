import type { ImageKey } from '../core/identity.js';
import { keyTag } from '../images/tags.js';
import type { RegistryClient } from '../registry/client.js';
import type { Descriptor } from '../registry/descriptor.js';

/** An image that another one is built from. */
export interface PushedParent {
  readonly repository: string;
  readonly key: ImageKey;
}

/** Room for the configuration of an image with a long history. */
const CONFIG_LIMIT = 8 * 1024 * 1024;

/** The layers of these images as their registry has them, by diff id. What it does not have, or not legibly, is left out. */
export async function parentLayers(client: RegistryClient, parents: readonly PushedParent[]): Promise<ReadonlyMap<string, Descriptor & { readonly from: string }>> {
  const found = new Map<string, Descriptor & { readonly from: string }>();
  for (const { repository, key } of parents) {
    const manifest = await client.getManifest(repository, keyTag(key));
    if (manifest?.content.kind !== 'image') continue;
    const { config, layers } = manifest.content;
    const diffIds = diffIdsOf(await client.getBlob(repository, config.digest, CONFIG_LIMIT));
    if (diffIds.length !== layers.length) continue;
    diffIds.forEach((diffId, index) => found.set(diffId, { ...layers[index]!, from: repository }));
  }
  return found;
}

function diffIdsOf(config: Buffer | undefined): readonly string[] {
  try {
    const { rootfs } = JSON.parse(config?.toString() ?? '{}') as { readonly rootfs?: { readonly diff_ids?: unknown } };
    return Array.isArray(rootfs?.diff_ids) ? rootfs.diff_ids.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}
