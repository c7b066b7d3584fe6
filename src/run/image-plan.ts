import type { KeyRecord } from '../artifact/kind.js';
import { Failed } from '../core/failure.js';
import { compare } from '../core/record.js';
import { missingParent } from '../images/missing-parent.js';
import { imageNamed } from '../images/names.js';
import type { PlannedImage } from '../images/planner.js';
import { createPresence, type PresentImage } from '../images/presence.js';
import { diffRecords, nearestRecord, renderDifference, type Difference } from '../plan/difference.js';
import type { Store } from '../store/store.js';
import type { Selection } from './selection.js';
import type { World } from './world.js';

/** What would be done with one image. */
export interface ImageStep {
  readonly name: string;
  readonly key: string;
  readonly tags: readonly string[];
  readonly parents: readonly string[];
  /** `skip`: only there for others, and none of them has to be built. `in-registry`: it has all but its tags there. */
  readonly action: 'present' | 'retag' | 'build' | 'skip' | 'pull' | 'in-registry';
  /** Who makes it, if somebody has to; and why the engine, if it is the engine. */
  readonly by: 'assembly' | 'engine';
  readonly engineBecause?: string;
  /** Why it is selected. */
  readonly selected: string;
  /** Why that has to be done. */
  readonly reasons: readonly string[];
}

type Parts = Pick<World, 'project' | 'images' | 'engine' | 'store'>;

export interface ImagePlanOptions {
  /** Built even if they are there. */
  readonly anew?: boolean;
  /** Short name → what is done with an image that only its registry has. */
  readonly elsewhere?: ReadonlyMap<string, 'pull' | 'in-registry'>;
}

/** The steps of a build, parents first; nothing is built or tagged. Fails `usage` if a parent is neither there nor selected. */
export async function planImages(world: Parts, selection: Selection, { anew = false, elsewhere = new Map() }: ImagePlanOptions = {}): Promise<readonly ImageStep[]> {
  const plan = await world.images.plan(selection.wanted);
  const presence = createPresence(world.engine, { images: plan.length });
  const present = new Map(await Promise.all(plan.map(async ({ name, repository, key }) => [name, await presence.find(repository, key)] as const)));
  const planned = new Map(plan.map((image) => [image.name, image]));
  const isMade = (name: string): boolean => !(anew && selection.wanted.includes(name)) && (present.get(name) !== undefined || elsewhere.has(name));
  const toBuild = new Set<string>();
  for (const { name, wanted } of [...selection.images].reverse()) {
    const needed = wanted || [...toBuild].some((child) => planned.get(child)!.parents.includes(name));
    if (needed && !isMade(name)) toBuild.add(name);
  }
  refuseMissing([...toBuild], { planned, within: selection.within, isMade });
  const why = await explainBuilds(world, [...toBuild].map((name) => planned.get(name)!), anew);
  return selection.images.map(({ name, reason }) => {
    const image = planned.get(name)!;
    const there = elsewhere.get(name);
    const other = there === undefined ? stepOf(image, present.get(name)) : { action: there, reasons: ['its registry has it'] };
    const { action, reasons } = toBuild.has(name) ? { action: 'build' as const, reasons: why.get(name)! } : other;
    const because = image.engineBuilds;
    const by = because === undefined ? { by: 'assembly' as const } : { by: 'engine' as const, engineBecause: because };
    return { name, key: image.key, tags: image.tags, parents: image.parents, action, ...by, selected: reason, reasons };
  });
}

function stepOf({ tags }: PlannedImage, found: PresentImage | undefined): Pick<ImageStep, 'action' | 'reasons'> {
  if (found === undefined) return { action: 'skip', reasons: ['nothing that is built from it has to be built'] };
  const lacking = tags.filter((tag) => !found.tags.includes(tag));
  if (lacking.length === 0) return { action: 'present', reasons: [] };
  return { action: 'retag', reasons: [`it lacks ${lacking.map((tag) => tag.slice(tag.lastIndexOf(':') + 1)).join(', ')}`] };
}

interface Made {
  readonly planned: ReadonlyMap<string, PlannedImage>;
  readonly within: ReadonlySet<string>;
  readonly isMade: (name: string) => boolean;
}

function refuseMissing(names: readonly string[], { planned, within, isMade }: Made): void {
  const missing = (name: string): string[] => planned.get(name)!.parents.filter((parent) => !within.has(parent) && !isMade(parent));
  const problems = names.flatMap((name) => missing(name).map((parent) => missingParent(name, parent)));
  if (problems.length > 0) throw new Failed(problems);
}

/** A record of the bucket `images`, as the planner writes it. */
interface Earlier {
  readonly name: string;
  readonly record: KeyRecord;
  readonly files?: Files;
}

type Files = { readonly [path: string]: string };

/** What differs from the nearest earlier build of each image. */
async function explainBuilds(world: Parts, images: readonly PlannedImage[], anew: boolean): Promise<Map<string, readonly string[]>> {
  const history = images.length === 0 ? new Map<string, Earlier[]>() : await earlierBuilds(world.store);
  return new Map(images.map((image) => [image.name, reasonsOf(world, image, { history: history.get(image.name) ?? [], anew })]));
}

/** Oldest first. */
async function earlierBuilds(store: Store): Promise<Map<string, Earlier[]>> {
  const found: (Earlier & { readonly usedAt: number })[] = [];
  for await (const { value, usedAt } of store.listRecords('images')) found.push({ ...(value as unknown as Earlier), usedAt });
  found.sort((a, b) => a.usedAt - b.usedAt);
  const byName = new Map<string, Earlier[]>();
  for (const one of found) byName.set(one.name, [...(byName.get(one.name) ?? []), one]);
  return byName;
}

function reasonsOf(world: Parts, image: PlannedImage, { history, anew }: { readonly history: readonly Earlier[]; readonly anew: boolean }): readonly string[] {
  if (anew) return ['it was asked for anew'];
  if (history.some(({ record }) => diffRecords(record, image.record).length === 0)) return ['this engine no longer has it'];
  const record = nearestRecord(history.map((one) => one.record), image.record);
  const nearest = history.find((one) => one.record === record);
  if (nearest === undefined) return ['never built here'];
  return diffRecords(nearest.record, image.record).flatMap((difference) => words(world, difference, { image: image.name, before: nearest.files, after: image.files }));
}

interface Changed {
  /** Short name. */
  readonly image: string;
  readonly before: Files | undefined;
  readonly after: Files | undefined;
}

/** A difference of two key records (see images/README.md) for people. */
function words(world: Parts, difference: Difference, { image, ...files }: Changed): readonly string[] {
  const [field, name] = difference.path;
  const change = difference.before === undefined ? 'is new' : difference.after === undefined ? 'is gone' : 'changed';
  switch (field) {
    case 'dockerfile':
      return ['its Dockerfile changed'];
    case 'context':
      return changedFiles(files.before, files.after);
    case 'args':
      return [`build arg ${name} ${change}`];
    case 'artifacts':
      return [`artifact ${name} ${change}`];
    case 'parents': {
      const builder = world.project.images.get(image)?.builder;
      if (name === 'builder' && builder !== undefined) return [`builder ${builder.value} ${change}`];
      const parent = imageNamed(world.project, name as string);
      return [parent === undefined ? `base image ${name} ${change === 'changed' ? 'is another one' : change}` : `parent ${parent} ${change === 'changed' ? 'is rebuilt' : change}`];
    }
    default:
      return [renderDifference(difference)];
  }
}

/** How many files are named before the rest is only counted. */
const NAMED = 3;

function changedFiles(before: Files | undefined, after: Files | undefined): readonly string[] {
  if (before === undefined || after === undefined) return ['its context changed'];
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((path) => before[path] !== after[path]).sort(compare);
  const named = paths.slice(0, NAMED).map((path) => `${path} ${before[path] === undefined ? 'is new' : after[path] === undefined ? 'is gone' : 'changed'}`);
  return paths.length > NAMED ? [...named, `and ${paths.length - NAMED} more files`] : named;
}
