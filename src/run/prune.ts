import { fail } from '../core/failure.js';
import type { Engine, ImageSummary } from '../engine/engine.js';
import { openRepository, type Repository } from '../git/repository.js';
import type { Worktree } from '../git/worktrees.js';
import { LABELS } from '../images/labels.js';
import { tagOf } from '../images/own-image.js';
import { planPrune, type PruneStep } from '../images/prune-plan.js';
import { tagsInUse } from '../images/tags-in-use.js';
import type { World } from './world.js';

type Parts = Pick<World, 'project' | 'images' | 'engine' | 'hostEnv'>;

/** What would become of the project's images on the engine; nothing is changed. Fails `git` outside of a checkout. */
export async function prunePlan(world: Parts, { isKept }: { readonly isKept?: (tag: string) => boolean } = {}): Promise<readonly PruneStep[]> {
  const { project, engine, hostEnv } = world;
  const repository = await openRepository(project.root, hostEnv);
  if (repository === undefined) {
    return fail({ reason: 'git', message: `${project.root} is in no git checkout: which of its images anybody would use is not known`, advice: 'run it in the checkout that the images are built from' });
  }
  const images = await engine.images([`${LABELS.project}=${project.name}`]);
  const [containers, branches, remoteBranches, tags, worktrees, source, keys] = await Promise.all([
    engine.containers([]),
    repository.branches(),
    repository.remoteBranches(),
    repository.tags(),
    repository.worktrees(),
    repository.remoteUrl(),
    currentKeys(world),
  ]);
  return planPrune({
    project: project.name,
    ...(source === undefined ? {} : { source }),
    images,
    containers,
    inUse: tagsInUse({ branches, remoteBranches, tags, worktrees }),
    commits: await commitsOf(repository, images, worktrees),
    keys,
    ...(isKept === undefined ? {} : { isKept }),
  });
}

/** Keys of all images of this checkout as it is. */
async function currentKeys({ project, images }: Parts): Promise<ReadonlyMap<string, string>> {
  const names = [...project.images.keys()];
  // Without names it would be those that have roles.
  const planned = names.length === 0 ? [] : await images.plan(names);
  return new Map(planned.map(({ key }) => [key, 'this checkout as it is']));
}

/** Which revisions in the images' tags are commits of the repository. A clone with cut history can't say, so it believes all. */
async function commitsOf(repository: Repository, images: readonly ImageSummary[], worktrees: readonly Worktree[]): Promise<ReadonlySet<string>> {
  const tagged = new Set(images.flatMap((image) => image.tags.map(tagOf)).filter((tag) => /^[0-9a-f]{12}$/.test(tag)));
  if (await repository.isShallow()) return tagged;
  const heads = worktrees.flatMap(({ revision, prunable }) => (revision === undefined || prunable ? [] : [revision]));
  return repository.reachable(tagged, heads);
}

export interface PruneResult {
  readonly step: PruneStep;
  /** `in-use`: a container has come to use it. `changed`: somebody has tagged it, or removed it, since it was planned. */
  readonly status: 'done' | 'in-use' | 'changed';
}

/** Does the steps that change something, in their order. An image that is not as planned any more is left as it is. */
export async function prune({ engine, signal }: Pick<World, 'engine' | 'signal'>, steps: readonly PruneStep[]): Promise<readonly PruneResult[]> {
  const results: PruneResult[] = [];
  for (const step of steps) {
    if (step.action === 'keep') continue;
    if (signal.aborted) fail({ reason: 'interrupted', message: 'interrupted while removing images' });
    results.push({ step, status: await carryOut(engine, step) });
  }
  return results;
}

async function carryOut(engine: Engine, { image, tags }: PruneStep): Promise<PruneResult['status']> {
  const now = await engine.image(image.id);
  if (now === undefined || !isSame(now.tags, image.tags)) return 'changed';
  for (const tag of tags) if ((await engine.removeImage(tag)) === 'in-use') return 'in-use';
  return 'done';
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag) => b.includes(tag));
}
