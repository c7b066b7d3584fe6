import { Failed, type Problem } from '../core/failure.js';
import type { ImageKey } from '../core/identity.js';
import { distinct } from '../push/push-images.js';
import { fromRegistry, tagInRegistry, type FromRegistryOptions } from './from-registry.js';
import type { Selection } from './selection.js';
import type { World } from './world.js';

export interface MakeOptions {
  /** Builds them even if they are there. */
  readonly anew: boolean;
  /** What their registries have is not built. */
  readonly registry?: Omit<FromRegistryOptions, 'dryRun'>;
}

export interface MadeImage {
  readonly name: string;
  readonly key: ImageKey;
  /** Of the engine's image; absent where only the registry has it. */
  readonly id?: string;
  /** Of the manifest, `sha256:<hex>`, where only the registry has it. */
  readonly digest?: string;
  readonly status: 'present' | 'retagged' | 'built' | 'pulled' | 'in-registry';
  /** Full references. */
  readonly tags: readonly string[];
}

export interface MadeImages {
  /** Parents first. */
  readonly images: readonly MadeImage[];
  readonly problems: readonly Problem[];
}

/** Makes the images that were asked for exist under their tags, here or, where that is enough, in their registry. */
export async function makeImages(world: World, selection: Selection, { anew, registry }: MakeOptions): Promise<MadeImages> {
  const { wanted, within } = selection;
  if (anew || registry === undefined) return { images: await built(world, wanted, { within, anew }), problems: [] };
  const { there, rest, pulled } = await fromRegistry(world, selection, registry);
  const tagged = there.length === 0 ? { images: [], problems: [] } : await tagInRegistry(world, there, registry.registry);
  try {
    const here = await built(world, rest, { within: new Set([...within, ...pulled]), anew });
    const all = [
      ...tagged.images.map(({ name, key, digest, tags }) => ({ name, key, digest, tags, status: 'in-registry' as const })),
      ...here.map((image) => (pulled.has(image.name) ? { ...image, status: 'pulled' as const } : image)),
    ];
    const order = new Map(selection.images.map(({ name }, index) => [name, index]));
    return { images: all.sort((a, b) => (order.get(a.name) ?? -1) - (order.get(b.name) ?? -1)), problems: tagged.problems };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    throw new Failed(distinct([...tagged.problems, ...error.problems]), { cause: error });
  }
}

async function built({ images }: World, names: readonly string[], options: { readonly within: ReadonlySet<string>; readonly anew: boolean }): Promise<MadeImage[]> {
  // No names would be all of them.
  if (names.length === 0) return [];
  return (await images.build(names, options)).map(({ name, key, id, status, tags }) => ({ name, key, id, status, tags }));
}
