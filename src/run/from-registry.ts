import { Failed, fail } from '../core/failure.js';
import { findInRegistry, namesRegistry } from '../images/in-registry.js';
import type { PlannedImage } from '../images/planner.js';
import { createPresence, presentImage } from '../images/presence.js';
import { registryAuth } from '../images/registry-auth.js';
import { pushImages, type PushDependencies, type Pushed } from '../push/push-images.js';
import type { ReadyImage } from '../push/ready-image.js';
import { repositoryAt } from '../registry/repository.js';
import { limiter } from '../util/limit.js';
import { memoised } from '../util/memo.js';
import type { Selection } from './selection.js';
import type { World } from './world.js';

/** `leave`: what is there counts as built, and is pulled only where something must be built from it. `pull`: it is pulled. */
export type RegistryUse = 'leave' | 'pull';

export interface FromRegistryOptions {
  readonly use: RegistryUse;
  readonly registry: Pick<PushDependencies, 'client' | 'credentials'>;
  /** Pulls nothing. */
  readonly dryRun?: boolean;
}

export interface FromRegistry {
  /** Images that were asked for and that only the registry has; nothing is to be done here. */
  readonly there: readonly PlannedImage[];
  /** Short names of all others that were asked for. */
  readonly rest: readonly string[];
  /** Short names of images that came from the registry; what needs them finds them here. */
  readonly pulled: ReadonlySet<string>;
}

type Parts = Pick<World, 'images' | 'engine' | 'jobs' | 'emit' | 'signal'>;

/**
 * Looks in their registries for images that this engine lacks, by their keys. What can't be pulled is built, with a
 * warning. Fails where a registry can't be asked: building everything anew is not what was meant.
 */
export async function fromRegistry(world: Parts, { wanted }: Selection, { use, registry, dryRun = false }: FromRegistryOptions): Promise<FromRegistry> {
  const { images, engine, jobs } = world;
  const planned = new Map((await images.plan(wanted)).map((image) => [image.name, image]));
  const presence = createPresence(engine, { images: planned.size });
  const isPresent = async ({ repository, key }: PlannedImage): Promise<boolean> => (await presence.find(repository, key)) !== undefined;
  const limit = limiter(Math.max(1, jobs));
  const pulled = new Set<string>();
  const there = new Set<string>();
  const isThere = memoised((name) => limit(async () => isInRegistry(planned.get(name)!)));
  const need = memoised(async (name): Promise<void> => {
    const image = planned.get(name)!;
    if (await isPresent(image)) return;
    if ((await isThere(name)) && (dryRun || (await limit(() => pull(world, image, registry))))) return void pulled.add(name);
    await Promise.all(image.parents.map(need));
  });
  await Promise.all(wanted.map(async (name) => {
    if (await isPresent(planned.get(name)!)) return;
    if (use === 'leave' && (await isThere(name))) there.add(name);
    else await need(name);
  }));
  // Others may have to be built from it: then it is here now.
  for (const name of pulled) there.delete(name);
  return { there: [...there].map((name) => planned.get(name)!), rest: wanted.filter((name) => !there.has(name)), pulled };

  async function isInRegistry({ name, repository, key }: PlannedImage): Promise<boolean> {
    if (!namesRegistry(repository)) {
      fail({ reason: 'config', message: `the image "${name}" is in no registry: its name ${repository} has none`, advice: 'set `registry:` in the project file, or `repository:` of the image' });
    }
    return (await findInRegistry(registry.client, repository, key)) !== undefined;
  }
}

/** Gives images that only the registry has their tags there, by manifest. */
export function tagInRegistry(world: World, images: readonly PlannedImage[], registry: FromRegistryOptions['registry']): Promise<Pushed> {
  const { engine, emit, signal, jobs, now } = world;
  const ready = images.map(({ name, key, repository, tags }): ReadyImage => ({ name, key, repository, tags, parents: [] }));
  return pushImages(iterable(ready), { ...registry, engine, emit, signal, jobs, now });
}

async function* iterable<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** False, with a warning, if it could not be had. */
async function pull({ engine, emit, signal }: Parts, { name, key, repository, tags }: PlannedImage, { credentials }: FromRegistryOptions['registry']): Promise<boolean> {
  const reference = tags[0] as string;
  const { registry } = repositoryAt(repository, []);
  emit({ type: 'step', subject: name, message: `pulling ${reference}` });
  try {
    const auth = registryAuth(registry, await credentials(registry));
    await engine.pull(reference, { signal, ...(auth === undefined ? {} : { auth }) });
    return (await presentImage(engine, repository, key)) !== undefined;
  } catch (error) {
    if (!(error instanceof Failed) || error.has('interrupted')) throw error;
    for (const problem of error.problems) emit({ type: 'warning', problem: { ...problem, advice: `the image "${name}" is built instead` } });
    return false;
  }
}
