import { Failed, type Problem } from '../core/failure.js';
import { findInRegistry } from '../images/in-registry.js';
import type { PlannedImage } from '../images/planner.js';
import { createPresence } from '../images/presence.js';
import { assembledSource } from '../push/assembled-source.js';
import { checkName } from '../push/check-name.js';
import { distinct, pushImages, type PushDependencies, type Pushed } from '../push/push-images.js';
import type { ReadyImage } from '../push/ready-image.js';
import { channel } from '../util/channel.js';
import { limiter } from '../util/limit.js';
import type { RegistryClient } from '../registry/client.js';
import { repositoryAt } from '../registry/repository.js';
import type { Selection } from './selection.js';
import type { World } from './world.js';

export interface PushOptions {
  /** False: only what is already there is pushed. */
  readonly build: boolean;
  /** Builds them even if they are there. */
  readonly anew: boolean;
  readonly registry: Pick<PushDependencies, 'client' | 'credentials'>;
  /** Of layers that were never sent before. */
  readonly compression: 'gzip' | 'zstd';
}

/**
 * Builds and pushes the images that were asked for, each as soon as it is ready; what can't be built stops none of the others.
 * What only the registry has is neither built nor pulled: it gets its tags there.
 */
export async function pushProject(world: World, selection: Selection, { build, anew, registry, compression }: PushOptions): Promise<Pushed> {
  const { engine, emit, signal, jobs, now } = world;
  const ready = channel<ReadyImage>();
  const pushing = pushImages(ready, { ...registry, engine, emit, signal, jobs, now });
  const problems = await produce(world, selection, { build, anew, compression, client: registry.client, ready: (image) => ready.send(image) }).finally(() => ready.end());
  const pushed = await pushing;
  const order = (name: string): number => selection.wanted.indexOf(name);
  return { images: [...pushed.images].sort((a, b) => order(a.name) - order(b.name)), problems: distinct([...problems, ...pushed.problems]) };
}

interface Production {
  readonly compression: PushOptions['compression'];
  readonly build: boolean;
  readonly anew: boolean;
  readonly client: RegistryClient;
  readonly ready: (image: ReadyImage) => void;
}

/** Hands on each selected image when it can be pushed; resolves to why others can not. */
async function produce(world: World, { wanted: selected, within }: Selection, production: Production): Promise<readonly Problem[]> {
  const { images } = world;
  const { build, anew, ready, compression, client } = production;
  if (selected.length === 0) return [];
  if (!build) {
    for (const image of await images.plan(selected)) if (selected.includes(image.name)) ready(readyImage(world, image, { compression, client }));
    return [];
  }
  const { toBuild, problems } = anew ? { toBuild: selected, problems: [] } : await withoutBuilding(world, selected, production);
  if (toBuild.length === 0) return problems;
  const handed: Promise<void>[] = [];
  const order = parentsFirst(toBuild);
  const hand = async (name: string): Promise<void> => {
    const image = (await images.plan([name])).find((one) => one.name === name);
    await order.afterParents(image?.parents ?? []);
    if (image !== undefined) ready(readyImage(world, image, { compression, client }));
    order.handed(name);
  };
  try {
    await images.build(toBuild, { within, anew, onReady: ({ name }) => void (toBuild.includes(name) && handed.push(hand(name))) });
    return problems;
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return [...problems, ...error.problems];
  } finally {
    order.end();
    await Promise.all(handed);
  }
}

/** Images become ready in any order when they are loaded together; a child takes over its parent's layers in the registry. */
function parentsFirst(names: readonly string[]) {
  const waiting = new Map<string, () => void>();
  const done = new Map(names.map((name) => [name, new Promise<void>((resolve) => void waiting.set(name, resolve))]));
  return {
    afterParents: (parents: readonly string[]) => Promise.all(parents.map((parent) => done.get(parent))),
    handed: (name: string) => waiting.get(name)?.(),
    /** Those that were not handed on until now will not be. */
    end: () => waiting.forEach((resolve) => resolve()),
  };
}

interface Rest {
  /** Here, or nowhere. */
  readonly toBuild: readonly string[];
  /** Of images that need not be built since they could not be pushed. */
  readonly problems: readonly Problem[];
}

/** Hands on what the registry has and this engine lacks. */
async function withoutBuilding(world: World, selected: readonly string[], { client, ready, compression }: Production): Promise<Rest> {
  const { images, engine, jobs } = world;
  const presence = createPresence(engine, { images: selected.length });
  const limit = limiter(Math.max(1, jobs));
  const rest = await Promise.all(selected.map(async (name): Promise<Rest> => {
    const image = await images.plan([name]).then((planned) => planned.find((one) => one.name === name), unplanned);
    if (image === undefined || (await presence.find(image.repository, image.key)) !== undefined) return { toBuild: [name], problems: [] };
    try {
      checkName(image);
      if ((await limit(() => findInRegistry(client, image.repository, image.key))) === undefined) return { toBuild: [name], problems: [] };
      ready(readyImage(world, image, { compression, client }));
      return { toBuild: [], problems: [] };
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      return { toBuild: [], problems: error.problems };
    }
  }));
  return { toBuild: rest.flatMap(({ toBuild }) => toBuild), problems: rest.flatMap(({ problems }) => problems) };
}

/** Building it tells what is wrong with it, and with its descendants. */
function unplanned(error: unknown): undefined {
  if (!(error instanceof Failed)) throw error;
}

function readyImage({ project, images, store, engine }: World, { name, key, repository, tags, parents }: PlannedImage, { compression, client }: Pick<Production, 'compression' | 'client'>): ReadyImage {
  const { host } = repositoryAt(repository, []);
  const near = parents.map((parent) => ({ parent, repository: project.images.get(parent)!.repository })).filter((one) => repositoryAt(one.repository, []).host === host);
  const source = async () => {
    const image = await images.stored(name);
    if (image === undefined) return undefined;
    const built = await Promise.all(near.map(async (one) => ({ repository: one.repository, key: await images.key(one.parent) })));
    return assembledSource(image, { store, engine, client, format: compression, repository, parents: built });
  };
  return { name, key, repository, tags, parents, source };
}
