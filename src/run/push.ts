import { Failed, type Problem } from '../core/failure.js';
import type { PlannedImage } from '../images/planner.js';
import { pushImages, type PushDependencies, type Pushed } from '../push/push-images.js';
import type { ReadyImage } from '../push/ready-image.js';
import { channel } from '../util/channel.js';
import type { Selection } from './selection.js';
import type { World } from './world.js';

export interface PushOptions {
  /** False: only what is already there is pushed. */
  readonly build: boolean;
  /** Builds them even if they are there. */
  readonly anew: boolean;
  readonly registry: Pick<PushDependencies, 'client' | 'credentials'>;
}

/** Builds and pushes the images that were asked for, each as soon as it is ready; what can't be built stops none of the others. */
export async function pushProject(world: World, selection: Selection, { build, anew, registry }: PushOptions): Promise<Pushed> {
  const { engine, emit, signal, jobs, now } = world;
  const ready = channel<ReadyImage>();
  const pushing = pushImages(ready, { ...registry, engine, emit, signal, jobs, now });
  const problems = await produce(world, selection, { build, anew, ready: (image) => ready.send(image) }).finally(() => ready.end());
  const pushed = await pushing;
  const order = (name: string): number => selection.wanted.indexOf(name);
  return { images: [...pushed.images].sort((a, b) => order(a.name) - order(b.name)), problems: [...problems, ...pushed.problems] };
}

interface Production {
  readonly build: boolean;
  readonly anew: boolean;
  readonly ready: (image: ReadyImage) => void;
}

/** Hands on each selected image when it can be pushed; resolves to why others can not. */
async function produce({ images }: World, { wanted: selected, within }: Selection, { build, anew, ready }: Production): Promise<readonly Problem[]> {
  if (selected.length === 0) return [];
  if (!build) {
    for (const image of await images.plan(selected)) if (selected.includes(image.name)) ready(readyImage(image));
    return [];
  }
  const handed: Promise<void>[] = [];
  const hand = async (name: string): Promise<void> => {
    const image = (await images.plan([name])).find((one) => one.name === name);
    if (image !== undefined) ready(readyImage(image));
  };
  try {
    await images.build(selected, { within, anew, onReady: ({ name }) => void (selected.includes(name) && handed.push(hand(name))) });
    return [];
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return error.problems;
  } finally {
    await Promise.all(handed);
  }
}

function readyImage({ name, key, repository, tags, parents }: PlannedImage): ReadyImage {
  return { name, key, repository, tags, parents };
}
