import type { Project } from '../config/project.js';
import { Failed, fail, type Problem, type Reason } from '../core/failure.js';
import type { BuilderKey, ImageKey } from '../core/identity.js';
import type { Placed } from '../core/place.js';
import { declaredArgs } from '../docker/build-args.js';
import { openStatCache } from '../docker/stat-cache.js';
import { limiter } from '../util/limit.js';
import { createAssembly } from './assembly.js';
import { baseUses, createBases, identityText, type BaseUse } from './base.js';
import { externalBuilderKey } from './builder-key.js';
import { whyNotDirect } from './direct-assembly.js';
import { exportContext } from './export-context.js';
import { createGraph } from './graph.js';
import { contextFiles } from './key.js';
import { missingParent } from './missing-parent.js';
import { builderImages, imageNamed, selectedImages, specNamed } from './names.js';
import type { ImageNode } from './node.js';
import { createPlanning, type KeyedImage } from './planning.js';
import type { BuildOptions, ExportedContext, ImagePlanner, ImageResult, OrderedImage, PlannedImage, PlannerDependencies } from './planner.js';
import { createPresence, presentImage } from './presence.js';
import { Skipped, type Terms } from './terms.js';

/** A base that turns out to be another image makes keys stale; so many times in a row it is not an accident. */
const REPLANS = 3;

/** Creates the planner of a project; reads nothing yet. */
export function createImagePlanner(project: Project, dependencies: PlannerDependencies): ImagePlanner {
  const { engine } = dependencies;
  const graph = createGraph(project, dependencies.platform ?? `linux/${OCI_ARCHITECTURES[process.arch] ?? process.arch}`);
  const bases = createBases({ ...dependencies, project });
  const statCache = openStatCache(dependencies.statCache);
  const limit = limiter(Math.max(1, dependencies.jobs));
  /** Of assemblies whose keys were found to be stale. */
  const closing: Promise<void>[] = [];
  let { planning, assembly } = fresh();
  return { key, builderKey, ensureBuilder, plan, order, changeBy: (changed) => planning.changeBy(changed), build, exportContext: exportTo, refreshBases, stored: (name) => assembly.stored(name) };

  function fresh() {
    const parts = { project, dependencies, graph, bases, statCache };
    const newPlanning = createPlanning(parts);
    return { planning: newPlanning, assembly: createAssembly(parts, newPlanning, limit) };
  }

  /** Keys were computed from what is no longer so. */
  function startOver(): void {
    const closed = assembly.close();
    closed.catch(() => undefined);
    closing.push(closed);
    ({ planning, assembly } = fresh());
    dependencies.forget?.();
  }

  async function key(name: string): Promise<ImageKey> {
    const keyed = await planning.keyed(specNamed(project, name).name);
    await statCache.save();
    return keyed.key;
  }

  async function builderKey(reference: Placed<string>): Promise<BuilderKey> {
    const name = imageNamed(project, reference.value);
    // Two words for one hash: an image that builds is addressed as any other.
    if (name !== undefined) return (await key(name)) as string as BuilderKey;
    const identity = await bases.identity({ reference: reference.value, place: reference.place });
    return externalBuilderKey(identityText(identity));
  }

  async function ensureBuilder(reference: Placed<string>): Promise<string> {
    const name = imageNamed(project, reference.value);
    if (name === undefined) {
      const use = { reference: reference.value, place: reference.place };
      if (await bases.verify(use)) staleBuilder(reference);
      return (await bases.identity(use)).id;
    }
    const keyed = await planning.keyed(name);
    const present = await presentImage(engine, keyed.node.spec.repository, keyed.key);
    if (present !== undefined) return present.id;
    if (await renewBases(await missing([name], {}))) staleBuilder(reference);
    return (await assembly.ensure(name, {}, [])).id;
  }

  /** Artifacts were planned with the old builder: building them in another one would put wrong content under their keys. */
  function staleBuilder({ value, place }: Placed<string>): never {
    startOver();
    return fail({
      reason: 'engine',
      message: `the builder ${value} is, or is built from, another image than when keys were computed`,
      place,
      advice: 'run the command again: it plans with the new image',
    });
  }

  async function plan(names?: readonly string[]): Promise<readonly PlannedImage[]> {
    const planned: PlannedImage[] = [];
    for (const node of await graph.withParents(selectedImages(project, names))) {
      const { spec } = node;
      const keyed = await planning.keyed(spec.name);
      const { entries } = await planning.context(spec.name);
      planned.push({
        ...placeOf(node),
        key: keyed.key,
        tags: await planning.tags(spec.name),
        engineBuilds: dependencies.engineBuild === true ? 'asked for' : whyNotDirect(node),
        record: keyed.record,
        files: contextFiles(entries),
      });
    }
    await statCache.save();
    return planned;
  }

  async function order(names?: readonly string[]): Promise<readonly OrderedImage[]> {
    return (await graph.withParents(selectedImages(project, names))).map(placeOf);
  }

  async function build(names?: readonly string[], options: BuildOptions = {}): Promise<readonly ImageResult[]> {
    const [outcome] = await Promise.allSettled([buildAll(names, options)]);
    const closed = await Promise.allSettled([...closing.splice(0), assembly.close()]);
    const failed = [outcome, ...closed].find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failed !== undefined) throw failed.reason;
    return (outcome as PromiseFulfilledResult<readonly ImageResult[]>).value;
  }

  async function buildAll(names: readonly string[] | undefined, { onReady, within, anew = false }: BuildOptions): Promise<readonly ImageResult[]> {
    const selected = selectedImages(project, names);
    const nodes = (await graph.withParents(selected)).filter(({ spec }) => within?.has(spec.name) ?? true);
    const presence = createPresence(engine, { images: nodes.length, released: dependencies.released === true });
    const broken = new Map<string, Error>();
    if (!anew) nodes.filter(({ spec }) => spec.artifacts.length > 0).forEach((node) => assembly.foresee(node, async () => ({ presence, ...(within === undefined ? {} : { within }) })));
    await findBroken(nodes, broken);
    const isPresent = async ({ node, key }: KeyedImage): Promise<boolean> => (await presence.find(node.spec.repository, key)) !== undefined;
    // All at once; whoever needs one waits for it, and gets its failure.
    for (const { spec } of nodes) if (!broken.has(spec.name)) planning.keyed(spec.name).then(isPresent).catch(() => undefined);
    const terms: Terms = {
      presence,
      broken,
      ...(within === undefined ? {} : { within }),
      ...(anew ? { anew: new Set(selected) } : {}),
    };
    const sound = selected.filter((name) => !broken.has(name));
    for (let round = 0; await renewBases(await buildable(sound, terms), broken); round += 1) {
      if (round === REPLANS) fail({ reason: 'engine', message: 'base images of this engine change faster than keys can be computed' });
      startOver();
    }
    await statCache.save();
    const needed = new Set([...selected, ...(await missing(sound, terms)).map(({ spec }) => spec.name)]);
    void makeArtifacts(await missing(sound, terms));
    const outcomes = await Promise.allSettled(
      nodes.map(async ({ spec: { name } }) => {
        // A parent that nobody needs any more gets its tags if it is still there, and else is left alone.
        if (!needed.has(name) && (broken.has(name) || !(await isPresent(await planning.keyed(name))))) return undefined;
        const result = await assembly.ensure(name, terms, broken.has(name) ? [] : await planning.tags(name));
        onReady?.(result);
        return result;
      }),
    );
    return collect(outcomes).filter((result) => result !== undefined);
  }

  /** At once for all images; whoever needs one waits for it, and gets its failure. */
  async function makeArtifacts(nodes: readonly ImageNode[]): Promise<void> {
    const names = new Set(nodes.flatMap(({ spec }) => spec.artifacts.map(({ value }) => value)));
    await Promise.allSettled([...names].map((name) => dependencies.artifact(name)));
    if (names.size > 0) dependencies.artifactsMade?.();
  }

  /**
   * Images whose base is not to be had, and those that are built from them: all others can still be built. A mistake in a
   * file ends the run before anything is done.
   */
  async function findBroken(nodes: readonly ImageNode[], broken: Map<string, Error>): Promise<void> {
    const keys = await Promise.allSettled(nodes.map(({ spec }) => planning.keyed(spec.name)));
    nodes.forEach(({ spec, edges }, index) => {
      const outcome = keys[index]!;
      if (outcome.status === 'fulfilled') return;
      if (!isFailureOf(outcome.reason)) throw outcome.reason;
      const parent = edges.find(({ to }) => broken.has(to));
      broken.set(spec.name, parent === undefined ? outcome.reason : new Skipped(`${parent.to} could not be built`));
    });
  }

  /** What is missing. Fails `usage` if something of it must not be built. */
  async function buildable(names: readonly string[], terms: Terms): Promise<ImageNode[]> {
    const nodes = await missing(names, terms);
    const { within } = terms;
    if (within === undefined) return nodes;
    const problems = nodes.filter(({ spec }) => within.has(spec.name)).flatMap((node) =>
      node.edges
        .filter(({ to }) => !within.has(to) && nodes.some(({ spec }) => spec.name === to))
        .map(({ to, use }) => missingParent(node.spec.name, to, use.place)),
    );
    if (problems.length > 0) throw new Failed(problems);
    return nodes;
  }

  /** Images that have to be built for these: what a present image was built from is not needed. */
  async function missing(names: readonly string[], { presence, anew }: Terms): Promise<ImageNode[]> {
    const found = new Map<string, ImageNode>();
    const visit = async (name: string): Promise<void> => {
      const keyed = await planning.keyed(name);
      if (found.has(name)) return;
      if (anew?.has(name) !== true && (await presence?.find(keyed.node.spec.repository, keyed.key)) !== undefined) return;
      found.set(name, keyed.node);
      for (const { to } of keyed.node.edges) await visit(to);
    };
    for (const name of names) await visit(name);
    return [...found.values()];
  }

  /**
   * Asks the engine for the bases of images that will be built; true if one is another image than recorded. With `broken`,
   * an image whose base is gone is put there and the others go on.
   */
  async function renewBases(nodes: readonly ImageNode[], broken?: Map<string, Error>): Promise<boolean> {
    const uses = new Map(nodes.flatMap((node) => baseUses(node).map((use) => [useId(use), use] as const)));
    const checked = await Promise.allSettled([...uses.values()].map((use) => limit(() => bases.verify(use))));
    const outcomes = new Map([...uses.keys()].map((id, index) => [id, checked[index]!]));
    for (const node of nodes) {
      for (const use of baseUses(node)) {
        const outcome = outcomes.get(useId(use))!;
        if (outcome.status === 'fulfilled') continue;
        if (broken === undefined || !isFailureOf(outcome.reason)) throw outcome.reason;
        broken.set(node.spec.name, outcome.reason);
      }
    }
    return checked.some((outcome) => outcome.status === 'fulfilled' && outcome.value);
  }

  async function exportTo(name: string, folder: string): Promise<ExportedContext> {
    const { node } = await planning.keyed(specNamed(project, name).name);
    const artifacts = await Promise.all(node.spec.artifacts.map(async ({ value }) => [value, await dependencies.artifact(value)] as const));
    const { reach: _, ...inputs } = await assembly.contextInputs(name, new Map(artifacts), true);
    await statCache.save();
    return exportContext(inputs, folder);
  }

  async function refreshBases(names?: readonly string[]): Promise<readonly string[]> {
    const nodes = await graph.withParents([...selectedImages(project, names), ...builderImages(project)]);
    const external = [...project.artifacts.values()].filter(({ builder }) => imageNamed(project, builder.value) === undefined);
    const builders: BaseUse[] = external.map(({ builder }) => ({ reference: builder.value, place: builder.place }));
    const uses = distinct([...nodes.flatMap(baseUses), ...builders]);
    const changed = await Promise.all(uses.map(async (use) => ((await limit(() => bases.refresh(use))) ? [use.reference] : [])));
    startOver();
    return changed.flat();
  }
}

function placeOf({ spec, edges, resolved }: ImageNode): OrderedImage {
  return {
    name: spec.name,
    repository: spec.repository,
    parents: [...new Set(edges.map(({ to }) => to))],
    artifacts: spec.artifacts.map(({ value }) => value),
    args: declaredArgs(resolved.dockerfile),
  };
}

const OCI_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', ia32: '386', ppc64: 'ppc64le', s390x: 's390x' };

function distinct(uses: readonly BaseUse[]): BaseUse[] {
  return [...new Map(uses.map((use) => [useId(use), use])).values()];
}

function useId({ reference, platform = '' }: BaseUse): string {
  return `${reference} ${platform}`;
}

const MISTAKES: readonly Reason[] = ['config', 'dockerfile', 'requirements', 'usage', 'interrupted'];

/** A failure that concerns one image; a mistake in files, or the user's wish to stop, concerns all. */
function isFailureOf(error: unknown): error is Failed {
  return error instanceof Failed && !MISTAKES.some((reason) => error.has(reason));
}

/** Every result, or every problem once. */
function collect<T>(outcomes: readonly PromiseSettledResult<T>[]): T[] {
  const problems = new Set<Problem>();
  const results: T[] = [];
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') results.push(outcome.value);
    else if (outcome.reason instanceof Failed) for (const problem of outcome.reason.problems) problems.add(problem);
    else if (!(outcome.reason instanceof Skipped)) throw outcome.reason;
  }
  if (problems.size > 0) throw new Failed([...problems]);
  return results;
}
