import { compare } from '../core/record.js';
import { parseReference } from '../docker/reference.js';
import type { ContainerSummary, ImageSummary } from '../engine/engine.js';
import { LABELS } from './labels.js';
import { isKeyTag, ownImage, tagOf, type OwnImage } from './own-image.js';
import type { TagsInUse } from './tags-in-use.js';

export interface PruneFacts {
  /** Name of the project. */
  readonly project: string;
  /** Clone address of its repository; images of another repository are left alone. */
  readonly source?: string;
  /** Of the engine, those with the project's label at least. */
  readonly images: readonly ImageSummary[];
  /** All of the engine, running or not. */
  readonly containers: readonly Pick<ContainerSummary, 'id' | 'imageId'>[];
  readonly inUse: TagsInUse;
  /** 12 digits of commits of the repository's history. */
  readonly commits: ReadonlySet<string>;
  /** Keys of a checkout, each with the checkout in words. */
  readonly keys: ReadonlyMap<string, string>;
  /** Tags that the user wants to keep. */
  readonly isKept?: (tag: string) => boolean;
}

/** What becomes of one image. */
export interface PruneStep {
  /** `untag`: it stays and loses some tags. */
  readonly action: 'remove' | 'untag' | 'keep';
  readonly image: OwnImage;
  /** Tags that go, full references; with `remove` all, the key's last: until then it can be found again. */
  readonly tags: readonly string[];
  /** Why it stays, or why nobody would use it. */
  readonly reasons: readonly string[];
}

/**
 * Pure. An image of the project stays if a branch, a git tag, a worktree or a checkout's key would use it, if a container
 * uses it, if it has a tag that is none of ours, or if an image that stays is built from it. Steps in the order in which
 * they are to be done: what is removed first, and of that children before their parents.
 */
export function planPrune(facts: PruneFacts): readonly PruneStep[] {
  const own = facts.images.flatMap((image) => ownImage(image, facts.project) ?? []);
  const used = usersOf(facts);
  const kept = withParents(own, new Map(own.map((image) => [image, reasonsToKeep(image, facts, used)])));
  const steps = own.map((image): PruneStep => {
    const reasons = kept.get(image) ?? [];
    if (reasons.length === 0) return { action: 'remove', image, tags: keyLast(image), reasons: keyLast(image).map((tag) => `${tagOf(tag)}: ${uselessness(tag, image)}`) };
    // What a container runs is left as it is: its image is shown and found again by its tags.
    const untouched = used.containers.has(image.id) || !isSource(image.source, facts.source);
    const stale = untouched ? [] : image.tags.filter((tag) => isStale(tag, image, facts));
    return { action: stale.length > 0 ? 'untag' : 'keep', image, tags: stale, reasons };
  });
  const order = childrenFirst(own);
  return steps.sort((a, b) => ACTIONS.indexOf(a.action) - ACTIONS.indexOf(b.action) || order.get(a.image)! - order.get(b.image)!);
}

const ACTIONS: readonly PruneStep['action'][] = ['remove', 'untag', 'keep'];
const REVISION = /^([0-9a-f]{12})(-dirty-[0-9a-f]{12})?$/;

interface Users {
  /** Image id → container id. */
  readonly containers: ReadonlyMap<string, string>;
  /** Key → an image of somebody else that is built from the image with that key. */
  readonly heirs: ReadonlyMap<string, string>;
}

function usersOf({ project, images, containers }: PruneFacts): Users {
  const heirs = images.flatMap((image): [string, string][] => {
    const key = image.labels[LABELS.key];
    // One without tags is what a new build under the same key has left behind.
    return key === undefined || image.tags.length === 0 || ownImage(image, project) !== undefined ? [] : [[key, image.tags[0] as string]];
  });
  return { containers: new Map(containers.map(({ id, imageId }) => [imageId, id])), heirs: new Map(heirs) };
}

function reasonsToKeep(image: OwnImage, facts: PruneFacts, { containers, heirs }: Users): string[] {
  const container = containers.get(image.id);
  const heir = heirs.get(image.key);
  const checkout = facts.keys.get(image.key);
  return [
    ...(isSource(image.source, facts.source) ? [] : [`it was built from another repository, ${image.source}`]),
    ...(container === undefined ? [] : [`container ${container.slice(0, 12)} uses it`]),
    ...(heir === undefined ? [] : [`${heir} is built from it`]),
    ...(checkout === undefined ? [] : [checkout]),
    ...new Set(image.tags.flatMap((tag) => user(tag, image, facts) ?? [])),
  ];
}

/** Who would use the image under this tag, in words. */
function user(reference: string, image: OwnImage, { inUse, isKept }: PruneFacts): string | undefined {
  if (isForeign(reference, image)) return `it is tagged ${reference} too`;
  const tag = tagOf(reference);
  // The beginning of a key may look like that of a commit.
  if (tag === '' || isKeyTag(reference, image.key)) return undefined;
  if (isKept?.(tag) === true) return `tag ${tag} is to be kept`;
  const [, revision, dirty] = REVISION.exec(tag) ?? [];
  return dirty === undefined ? inUse.names.get(tag) : inUse.heads.get(revision as string);
}

/** True for a tag of ours that nobody would use; of an image that stays. */
function isStale(reference: string, image: OwnImage, facts: PruneFacts): boolean {
  const tag = tagOf(reference);
  if (isKeyTag(reference, image.key) || tag === 'latest' || user(reference, image, facts) !== undefined) return false;
  const [, revision, dirty] = REVISION.exec(tag) ?? [];
  return revision === undefined || dirty !== undefined || !facts.commits.has(revision);
}

function uselessness(reference: string, image: OwnImage): string {
  const tag = tagOf(reference);
  if (isKeyTag(reference, image.key)) return 'no checkout has this content';
  if (tag === 'latest') return 'the latest build, and nobody\'s';
  const [, revision, dirty] = REVISION.exec(tag) ?? [];
  if (dirty !== undefined) return `no worktree is at ${revision}`;
  return revision === undefined ? 'no such branch or git tag' : 'no branch, git tag or worktree is at it';
}

/** A tag in a repository in which the image does not have its key: not given by a build. */
function isForeign(reference: string, { tags, key }: OwnImage): boolean {
  const repository = (text: string) => parseReference(text)?.name;
  return !tags.some((tag) => isKeyTag(tag, key) && repository(tag) === repository(reference));
}

/** What a kept image is built from stays too. */
function withParents(own: readonly OwnImage[], reasons: ReadonlyMap<OwnImage, readonly string[]>): ReadonlyMap<OwnImage, readonly string[]> {
  const kept = new Map([...reasons].filter(([, why]) => why.length > 0));
  // Grows while it is walked.
  for (const [child] of kept) {
    for (const parent of own) {
      if (child.parents.includes(parent.key) && !kept.has(parent)) kept.set(parent, [`${shownImage(child)} is built from it`]);
    }
  }
  return kept;
}

/** The place of each image in an order in which no parent comes before its child; by name and key otherwise. */
function childrenFirst(own: readonly OwnImage[]): ReadonlyMap<OwnImage, number> {
  const order = new Map<OwnImage, number>();
  const entered = new Set<OwnImage>();
  const visit = (image: OwnImage): void => {
    if (entered.has(image)) return;
    entered.add(image);
    for (const child of sorted.filter(({ parents }) => parents.includes(image.key))) visit(child);
    order.set(image, order.size);
  };
  const sorted = [...own].sort((a, b) => compare(a.name, b.name) || compare(a.key, b.key) || compare(a.id, b.id));
  sorted.forEach(visit);
  return order;
}

function keyLast({ tags, key }: OwnImage): string[] {
  return [...tags.filter((tag) => !isKeyTag(tag, key)), ...tags.filter((tag) => isKeyTag(tag, key))];
}

/** What was built before the repository had an address may be ours. */
function isSource(source: string, ours: string | undefined): boolean {
  return source === '' || ours === undefined || source === ours;
}

function shownImage({ name, key }: OwnImage): string {
  return `${name}:${key.slice(0, 12)}`;
}
