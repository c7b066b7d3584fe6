import { join } from 'node:path';
import type { Project } from '../config/project.js';
import type { Artifact } from '../artifact/artifact.js';
import type { KeyRecord } from '../artifact/kind.js';
import { Failed, fail, type Problem } from '../core/failure.js';
import type { BuilderKey, ImageKey } from '../core/identity.js';
import type { Placed } from '../core/place.js';
import { hashRecord } from '../core/record.js';
import { Patterns } from '../docker/pattern.js';
import { rewriteDockerfile } from '../docker/rewrite.js';
import { openStatCache } from '../docker/stat-cache.js';
import { limiter } from '../util/limit.js';
import { memoised } from '../util/memo.js';
import { artifactInputs } from './artifact-inputs.js';
import { createBases, identityText, type BaseUse } from './base.js';
import { buildImage } from './build-image.js';
import { readImageContext, type ImageContext } from './context.js';
import type { ContextInputs } from './context-items.js';
import { exportContext } from './export-context.js';
import { createGraph } from './graph.js';
import { contextFiles, imageKeyRecord } from './key.js';
import { imageLabels } from './labels.js';
import { builderImages, imageNamed, specNamed } from './names.js';
import { dockerfileInContext, type ImageNode } from './node.js';
import type { ImagePlanner, ImageResult, PlannedImage, PlannerDependencies } from './planner.js';
import { presentImage, presentImages, type PresentImage } from './presence.js';
import { imageTags, keyTag, revisionTag } from './tags.js';

/** A base that turns out to be another image makes keys stale; so many times in a row it is not an accident. */
const REPLANS = 3;
/** Contexts of more entries are recorded by their digest only. */
const FILES_RECORDED = 2_000;

/** Creates the planner of a project; reads nothing yet. */
export function createImagePlanner(project: Project, dependencies: PlannerDependencies): ImagePlanner {
  const { engine, store, emit, signal, jobs, revision } = dependencies;
  const platform = dependencies.platform ?? `linux/${OCI_ARCHITECTURES[process.arch] ?? process.arch}`;
  const graph = createGraph(project, platform);
  const bases = createBases({ project, engine, store, emit, offline: dependencies.offline, signal });
  const statCache = openStatCache(dependencies.statCache);
  const limit = limiter(Math.max(1, jobs));
  const inputsOf = dependencies.artifactInputs ?? ((name: string) => artifactInputs(project, name));
  let state = newState();
  return {
    key: async (name) => (await state.keyed(name)).key,
    builderKey,
    ensureBuilder,
    plan,
    build,
    exportContext: exportTo,
    refreshBases,
  };

  /** All that is computed once and forgotten when a base turns out to be another image. */
  function newState() {
    const context = memoised(async (name: string): Promise<ImageContext> => {
      const node = await graph.node(name);
      return readImageContext(node, { project, statCache, parentsCopy: await copiesOnBuild(node) });
    });
    const keyed = memoised((name: string) => computeKey(name));
    const dirty = memoised((name: string) => computeDirty(name));
    return { context, keyed, dirty, ensured: new Map<string, Promise<ImageResult>>() };
  }

  async function computeKey(name: string): Promise<Keyed> {
    const node = await graph.node(name);
    const { context, keyed } = state;
    // In sequence: cheap, and the first problem of each kind comes first.
    const { entries } = await context(name);
    const parents = new Map<string, ImageKey>();
    for (const { to, use } of node.edges) parents.set(use.reference, (await keyed(to)).key);
    const identities = new Map(await Promise.all(baseUses(node).map(async (use) => [use.reference, await bases.identity(use)] as const)));
    const artifacts = new Map(
      await Promise.all(node.spec.artifacts.map(async ({ value }) => [value, await dependencies.artifactKey(value)] as const)),
    );
    const record = imageKeyRecord({ node, entries, artifacts, parents, bases: identities });
    return { node, record, key: hashRecord<ImageKey>(record) };
  }

  async function copiesOnBuild(node: ImageNode): Promise<boolean> {
    for (const { to } of node.edges) {
      const parent = await graph.node(to);
      if (parent.copiesOnBuild) return true;
    }
    return false;
  }

  async function computeDirty(name: string): Promise<boolean> {
    const changed = revision?.changed ?? [];
    if (changed.length === 0) return false;
    const node = await graph.node(name);
    const context = await state.context(name);
    if (changed.some((path) => context.reachedBy(path))) return true;
    for (const { to } of node.edges) if (await state.dirty(to)) return true;
    for (const artifact of node.spec.artifacts) if (await artifactDirty(artifact.value, changed)) return true;
    return false;
  }

  async function artifactDirty(name: string, changed: readonly string[]): Promise<boolean> {
    const inputs = new Patterns(await inputsOf(name));
    if (changed.some((path) => inputs.matches(path))) return true;
    const spec = project.artifacts.get(name);
    const builder = spec === undefined ? undefined : imageNamed(project, spec.builder.value);
    if (builder !== undefined && (await state.dirty(builder))) return true;
    if (spec?.kind !== 'command') return false;
    for (const { value } of spec.needs) if (await artifactDirty(value, changed)) return true;
    return false;
  }

  async function builderKey(reference: Placed<string>): Promise<BuilderKey> {
    const name = imageNamed(project, reference.value);
    if (name !== undefined) return (await state.keyed(name)).key as string as BuilderKey;
    const identity = await bases.identity({ reference: reference.value, place: reference.place });
    return hashRecord<BuilderKey>({ format: 1, kind: 'builder', base: identityText(identity) });
  }

  async function ensureBuilder(reference: Placed<string>): Promise<string> {
    const name = imageNamed(project, reference.value);
    if (name === undefined) return ensureExternalBuilder({ reference: reference.value, place: reference.place });
    const { node, key } = await state.keyed(name);
    const present = await presentImage(engine, node.spec.repository, key);
    if (present !== undefined) return present.id;
    if (await renewBases(await missingAncestry(name, new Map()))) staleBuilder(reference);
    return (await ensure(name, new Map(), [])).id;
  }

  async function ensureExternalBuilder(use: BaseUse): Promise<string> {
    if (await bases.verify(use)) staleBuilder({ value: use.reference, place: use.place });
    return (await bases.identity(use)).id;
  }

  /** Artifacts were planned with the old builder: building them in another one would put wrong content under their keys. */
  function staleBuilder(reference: Placed<string>): never {
    state = newState();
    dependencies.forget?.();
    return fail({
      reason: 'engine',
      message: `the builder ${reference.value} is, or is built from, another image than when keys were computed`,
      place: reference.place,
      advice: 'run the command again: it plans with the new image',
    });
  }

  async function plan(names?: readonly string[]): Promise<readonly PlannedImage[]> {
    const nodes = await graph.withParents(selection(names));
    const planned: PlannedImage[] = [];
    for (const { spec, edges } of nodes) {
      const { key, record } = await state.keyed(spec.name);
      const { entries } = await state.context(spec.name);
      planned.push({
        name: spec.name,
        key,
        repository: spec.repository,
        tags: await tagsOf(spec.name),
        parents: [...new Set(edges.map(({ to }) => to))],
        artifacts: spec.artifacts.map(({ value }) => value),
        record,
        ...(entries.length <= FILES_RECORDED ? { files: contextFiles(entries) } : {}),
      });
    }
    await statCache.save();
    return planned;
  }

  function selection(names: readonly string[] | undefined): string[] {
    if (names !== undefined && names.length > 0) return [...new Set(names.map((name) => specNamed(project, name).name))];
    const builders = builderImages(project);
    return [...project.images.values()].filter(({ name, role }) => role || !builders.has(name)).map(({ name }) => name);
  }

  async function tagsOf(name: string): Promise<string[]> {
    const { node, key } = await state.keyed(name);
    const { tags: given = [], latest = given.length === 0 } = dependencies;
    const tags = imageTags(key, {
      dirty: await state.dirty(name),
      extra: [...(latest ? ['latest'] : []), ...given],
      ...(revision?.commit === undefined ? {} : { commit: revision.commit }),
      ...(revision?.branchTag === undefined ? {} : { branchTag: revision.branchTag }),
    });
    return tags.map((tag) => `${node.spec.repository}:${tag}`);
  }

  async function build(names?: readonly string[]): Promise<readonly ImageResult[]> {
    const selected = selection(names);
    const present = await presentImages(engine);
    const nodes = await graph.withParents(selected);
    for (let round = 0; await renewBases(await missingAmong(selected, present)); round += 1) {
      if (round === REPLANS) fail({ reason: 'engine', message: 'base images of this engine change faster than keys can be computed' });
      state = newState();
      dependencies.forget?.();
    }
    const needed = new Set([...selected, ...(await missingAmong(selected, present)).map(({ spec }) => spec.name)]);
    const wanted: ImageNode[] = [];
    for (const node of nodes) {
      if (needed.has(node.spec.name) || present.has((await state.keyed(node.spec.name)).key)) wanted.push(node);
    }
    await statCache.save();
    const outcomes = await Promise.allSettled(wanted.map(async ({ spec }) => ensure(spec.name, present, await tagsOf(spec.name))));
    return collect(outcomes);
  }

  /** Images that have to be built for these, and only those: what a present image was built from is not needed. */
  async function missingAmong(names: readonly string[], present: ReadonlyMap<string, PresentImage>): Promise<ImageNode[]> {
    const missing = new Map<string, ImageNode>();
    for (const name of names) for (const node of await missingAncestry(name, present)) missing.set(node.spec.name, node);
    return [...missing.values()];
  }

  async function missingAncestry(name: string, present: ReadonlyMap<string, PresentImage>): Promise<ImageNode[]> {
    const { node, key } = await state.keyed(name);
    if (present.has(key)) return [];
    const above = await Promise.all(node.edges.map(({ to }) => missingAncestry(to, present)));
    return [...new Set([...above.flat(), node])];
  }

  /** Asks the engine for the bases of images that will be built; true if one is another image than recorded. */
  async function renewBases(nodes: readonly ImageNode[]): Promise<boolean> {
    const uses = new Map(nodes.flatMap(baseUses).map((use) => [`${use.reference} ${use.platform ?? ''}`, use]));
    const renewed = await Promise.all([...uses.values()].map((use) => limit(() => bases.verify(use))));
    return renewed.includes(true);
  }

  /** Builds it if nobody has, after its parents, and gives it its tags. Once per image and planner. */
  function ensure(name: string, present: ReadonlyMap<string, PresentImage>, tags: readonly string[]): Promise<ImageResult> {
    const running = state.ensured.get(name);
    // A builder may have been built before, with its key as its only tag.
    if (running !== undefined) return running.then(async (result) => retag(result, tags));
    const started = make(name, present, tags);
    state.ensured.set(name, started);
    return started;
  }

  async function retag(result: ImageResult, tags: readonly string[]): Promise<ImageResult> {
    const missing = tags.filter((tag) => !result.tags.includes(tag));
    for (const tag of missing) await engine.tag(result.id, tag);
    return missing.length === 0 ? result : { ...result, tags: [...result.tags, ...missing] };
  }

  async function make(name: string, present: ReadonlyMap<string, PresentImage>, tags: readonly string[]): Promise<ImageResult> {
    const { node, key } = await state.keyed(name);
    const keyed = `${node.spec.repository}:${keyTag(key)}`;
    const all = [...new Set([keyed, ...tags])];
    try {
      const found = present.get(key) ?? (await presentImage(engine, node.spec.repository, key));
      if (found !== undefined) return await tagged(name, { key, found, all });
      const artifacts = await needsOf(node, present);
      emit({ type: 'image', name, state: 'started' });
      const id = await buildOnce(name, artifacts);
      for (const tag of all) if (tag !== keyed) await engine.tag(id, tag);
      emit({ type: 'image', name, state: 'built' });
      return { name, key, id, status: 'built', tags: all };
    } catch (error) {
      const skipped = error instanceof Skipped;
      emit({ type: 'image', name, state: skipped ? 'skipped' : 'failed', ...(skipped ? { reason: error.message } : {}) });
      throw error;
    }
  }

  async function tagged(name: string, { key, found, all }: { key: ImageKey; found: PresentImage; all: string[] }): Promise<ImageResult> {
    const missing = all.filter((tag) => !found.tags.includes(tag));
    for (const tag of missing) await engine.tag(found.id, tag);
    const status = missing.length === 0 ? 'present' : 'retagged';
    emit({ type: 'image', name, state: status });
    return { name, key, id: found.id, status, tags: all };
  }

  /** Parents and artifacts, all at once; a parent's failure is told once, at the parent. */
  async function needsOf(node: ImageNode, present: ReadonlyMap<string, PresentImage>): Promise<Map<string, Artifact>> {
    const parents = [...new Set(node.edges.map(({ to }) => to))];
    const made = Promise.allSettled(parents.map(async (parent) => ensure(parent, present, await tagsOf(parent))));
    const artifacts = await Promise.allSettled(
      node.spec.artifacts.map(async ({ value }) => [value, await dependencies.artifact(value)] as const),
    );
    const outcomes = await made;
    const failed = parents.filter((_, index) => outcomes[index]!.status === 'rejected');
    if (failed.length > 0) throw new Skipped(`${failed.join(', ')} could not be built`);
    for (const outcome of artifacts) if (outcome.status === 'rejected') throw outcome.reason;
    return new Map(artifacts.map((outcome) => (outcome as PromiseFulfilledResult<readonly [string, Artifact]>).value));
  }

  /** Once across processes: who waited finds the image there. */
  async function buildOnce(name: string, artifacts: ReadonlyMap<string, Artifact>) {
    const { node, key, record } = await state.keyed(name);
    const onWait = (holder: string) => emit({ type: 'waiting', message: `${name}: waiting for ${holder}, which is building the same image` });
    const work = async () => {
      const found = await presentImage(engine, node.spec.repository, key);
      if (found !== undefined) return found.id;
      const id = await buildImage(node, {
        engine,
        emit,
        signal,
        context: await contextInputs(name, artifacts),
        tag: `${node.spec.repository}:${keyTag(key)}`,
        labels: await labelsOf(name, record),
      });
      const { entries } = await state.context(name);
      const files = entries.length <= FILES_RECORDED ? { files: contextFiles(entries) } : {};
      await store.putRecord('images', key, { name, record, ...files });
      return id;
    };
    return limit(() => store.withLock(`image-${key}`, work, onWait));
  }

  async function contextInputs(name: string, artifacts: ReadonlyMap<string, Artifact>, fixArgs = false): Promise<ContextInputs> {
    const { node } = await state.keyed(name);
    const { entries, reach } = await state.context(name);
    const references = new Map<object, string>();
    for (const { to, use } of node.edges) {
      const parent = await state.keyed(to);
      references.set(use, `${parent.node.spec.repository}:${keyTag(parent.key)}`);
    }
    return {
      folder: join(project.root, node.spec.context.value),
      entries,
      dockerfile: rewriteDockerfile(node.resolved, { image: (use) => references.get(use), fixArgs }),
      ownPath: dockerfileInContext(node),
      artifacts,
      store,
      reach,
    };
  }

  async function labelsOf(name: string, record: KeyRecord): Promise<Record<string, string>> {
    const { node, key } = await state.keyed(name);
    const stage = node.resolved.stages[node.resolved.target]!;
    const use = stage.base.kind === 'image' ? stage.base.reference : undefined;
    const base = use === undefined ? undefined : baseUses(node).find(({ reference }) => reference === use);
    const digest = base === undefined ? undefined : (await bases.identity(base)).digest;
    return imageLabels({
      project: project.name,
      image: name,
      key,
      record,
      ...(revision === undefined ? {} : { revision }),
      ...(revision?.commit === undefined ? {} : { version: revisionTag(revision.commit, await state.dirty(name), key) }),
      ...(base === undefined ? {} : { base: { name: base.reference, ...(digest === undefined ? {} : { digest }) } }),
    });
  }

  async function exportTo(name: string, folder: string) {
    const { node } = await state.keyed(specNamed(project, name).name);
    const artifacts = await Promise.all(node.spec.artifacts.map(async ({ value }) => [value, await dependencies.artifact(value)] as const));
    const { reach: _, ...inputs } = await contextInputs(name, new Map(artifacts), true);
    const exported = await exportContext(inputs, folder);
    await statCache.save();
    return exported;
  }

  async function refreshBases(names?: readonly string[]): Promise<readonly string[]> {
    const nodes = await graph.withParents([...selection(names), ...builderImages(project)]);
    const external = [...project.artifacts.values()].filter(({ builder }) => imageNamed(project, builder.value) === undefined);
    const uses: BaseUse[] = [...nodes.flatMap(baseUses), ...external.map(({ builder }) => ({ reference: builder.value, place: builder.place }))];
    const distinct = new Map(uses.map((use) => [`${use.reference} ${use.platform ?? ''}`, use]));
    const changed = await Promise.all([...distinct.values()].map(async (use) => ((await limit(() => bases.refresh(use))) ? [use.reference] : [])));
    state = newState();
    dependencies.forget?.();
    return changed.flat();
  }
}

interface Keyed {
  readonly node: ImageNode;
  readonly record: KeyRecord;
  readonly key: ImageKey;
}

/** Not built because something that it needs was not; that failure is told where it happened. */
class Skipped extends Error {}

const OCI_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', ia32: '386', ppc64: 'ppc64le', s390x: 's390x' };

function baseUses({ bases, spec }: ImageNode): BaseUse[] {
  return bases.map(({ reference, place }) => ({ reference, place, ...(spec.platform === undefined ? {} : { platform: spec.platform }) }));
}

/** Every result, or every problem once. */
function collect(outcomes: readonly PromiseSettledResult<ImageResult>[]): ImageResult[] {
  const problems = new Set<Problem>();
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled' || outcome.reason instanceof Skipped) continue;
    if (!(outcome.reason instanceof Failed)) throw outcome.reason;
    for (const problem of outcome.reason.problems) problems.add(problem);
  }
  if (problems.size > 0) throw new Failed([...problems]);
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<ImageResult>).value);
}
