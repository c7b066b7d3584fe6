import { readCompose } from '../config/compose.js';
import { fail } from '../core/failure.js';
import { openRepository } from '../git/repository.js';
import type { Change } from '../images/change.js';
import { composeImages } from '../images/compose-images.js';
import { imagesToRead, onlyChanged, parseSelection, selectImages, type SelectedImage, type SelectionRequest } from '../images/select.js';
import type { World } from './world.js';

export interface SelectionOptions extends SelectionRequest {
  /** A compose file: the images that its services run. */
  readonly compose?: string;
  /** Profiles of the compose file that are active, besides those in COMPOSE_PROFILES. */
  readonly profiles?: readonly string[];
  /** Of all that is selected only what changed since this revision. */
  readonly changedSince?: string;
  /** Where `compose` is relative to. */
  readonly cwd: string;
}

export interface Selection {
  /** Parents first. */
  readonly images: readonly SelectedImage[];
  /** Short names of the images that were asked for themselves. */
  readonly wanted: readonly string[];
  /** Short names of all: nothing else may be built. */
  readonly within: ReadonlySet<string>;
}

type Parts = Pick<World, 'project' | 'images' | 'hostEnv'>;

/** Finds out which images a command is about, from the Dockerfiles and git alone. Fails `usage` for names that mean nothing. */
export async function selectionOf(world: Parts, options: SelectionOptions): Promise<Selection> {
  const { project, images, hostEnv } = world;
  const { compose, profiles = [], cwd, changedSince } = options;
  const services = compose === undefined ? undefined : composeImages(project, await readCompose(compose, { cwd, env: hostEnv, profiles }), compose);
  const selector = parseSelection(project, { ...options, ...(services === undefined ? {} : { askedBy: services }) });
  const graph = new Map((await images.order(imagesToRead(project, selector))).map(({ name, parents }) => [name, parents]));
  const all = selectImages(project, selector, graph);
  const selected = changedSince === undefined ? all : onlyChanged(all, await changes(world, all, changedSince), graph);
  return {
    images: selected,
    wanted: selected.filter(({ wanted }) => wanted).map(({ name }) => name),
    within: new Set(selected.map(({ name }) => name)),
  };
}

/** Which of these images have changed, and why, in words. */
async function changes({ project, images, hostEnv }: Parts, selected: readonly SelectedImage[], revision: string): Promise<Map<string, string>> {
  const repository = await openRepository(project.root, hostEnv);
  if (repository === undefined) {
    return fail({ reason: 'git', message: `${project.root} is in no git checkout, so nothing has changed since ${revision}`, advice: 'leave --changed-since away' });
  }
  const prefix = repository.prefix === '' ? '' : `${repository.prefix}/`;
  const paths = (await repository.changedSince(revision)).filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const changeOf = images.changeBy(paths);
  const found = await Promise.all(selected.map(async ({ name }) => [name, await changeOf(name)] as const));
  return new Map(found.flatMap(([name, change]) => (change === undefined ? [] : [[name, words(change, revision)] as const])));
}

function words({ path, through }: Change, revision: string): string {
  return `${path} changed since ${revision}${through === undefined ? '' : `, through ${through}`}`;
}
