import { Failed, type Problem } from '../core/failure.js';
import { selectedImages } from '../images/names.js';
import type { PlannedImage } from '../images/planner.js';
import { pushImages, type PushDependencies, type Pushed } from '../push/push-images.js';
import type { ReadyImage } from '../push/ready-image.js';
import { channel } from '../util/channel.js';
import type { World } from './world.js';

export interface PushOptions {
  /** False: only what is already there is pushed. */
  readonly build: boolean;
  readonly registry: Pick<PushDependencies, 'client' | 'credentials'>;
}

/** Builds and pushes the named images, each as soon as it is ready; what can't be built stops none of the others. */
export async function pushProject(world: World, names: readonly string[], { build, registry }: PushOptions): Promise<Pushed> {
  const { project, engine, emit, signal, jobs, now } = world;
  const selected = selectedImages(project, names);
  const ready = channel<ReadyImage>();
  const pushing = pushImages(ready, { ...registry, engine, emit, signal, jobs, now });
  const problems = await produce(world, selected, { build, ready: (image) => ready.send(image) }).finally(() => ready.end());
  const pushed = await pushing;
  return { images: pushed.images, problems: [...problems, ...pushed.problems] };
}

interface Production {
  readonly build: boolean;
  readonly ready: (image: ReadyImage) => void;
}

/** Hands on each selected image when it can be pushed; resolves to why others can not. */
async function produce({ images }: World, selected: readonly string[], { build, ready }: Production): Promise<readonly Problem[]> {
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
    await images.build(selected, { onReady: ({ name }) => void (selected.includes(name) && handed.push(hand(name))) });
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
