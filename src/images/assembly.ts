import { join, relative } from 'node:path';
import type { Artifact } from '../artifact/artifact.js';
import type { ImageId, ImageKey } from '../core/identity.js';
import { resolveDockerfile, type ImageUse } from '../docker/resolve.js';
import { rewriteDockerfile } from '../docker/rewrite.js';
import type { Limit } from '../util/limit.js';
import { lazy } from '../util/memo.js';
import { baseUses } from './base.js';
import { buildImage as buildWithEngine } from './build-image.js';
import { sessionFor } from './build-session.js';
import type { ContextInputs } from './context-items.js';
import { createDirectAssembly, whyNotDirect } from './direct-assembly.js';
import { imageLabels } from './labels.js';
import { recordBuild } from './record-build.js';
import { NotThin } from '../assemble/not-thin.js';
import type { AssembledImage } from './assembled-image.js';
import { dockerfileInContext, targetOf, type ImageNode } from './node.js';
import type { PlannerParts, Planning } from './planning.js';
import type { ImageResult, Origin } from './planner.js';
import { presentImage, type PresentImage } from './presence.js';
import { keyTag, revisionTag } from './tags.js';
import { Skipped, type ForeseenTerms, type Terms } from './terms.js';

/** Makes planned images exist, each once, parents and artifacts first. */
export interface Assembly {
  /** Ends what was opened for it. */
  close(): Promise<void>;
  /** The content of an image that was assembled here, ready to be loaded or pushed again. */
  stored(name: string): Promise<AssembledImage | undefined>;
  /** Finds or builds the image and gives it these tags besides the key tag. Fails with Skipped if a parent failed. */
  ensure(name: string, terms: Terms, tags: readonly string[]): Promise<ImageResult>;
  /** While keys are computed: an artifact that is being made shows already that the image will be, and what it stands on is known. */
  foresee(node: ImageNode, terms: () => Promise<ForeseenTerms>): void;
  /** What goes into the image's context; with `fixArgs`, what makes a plain build give the same image. */
  contextInputs(name: string, artifacts: ReadonlyMap<string, Artifact>, fixArgs?: boolean): Promise<ContextInputs>;
}

export function createAssembly({ project, dependencies, graph, bases }: PlannerParts, planning: Planning, limit: Limit): Assembly {
  const { engine, store, emit, signal } = dependencies;
  const fitness = { released: dependencies.released === true };
  const ensured = new Map<string, Promise<ImageResult>>();
  const origin = lazy(async (): Promise<Origin> => (await (await dependencies.revision)?.origin?.()) ?? {});
  const direct = createDirectAssembly({
    dependencies,
    planning,
    ensure: async (name, terms) => ensure(name, terms, await tagsAsParent(name, terms)),
    present,
    artifactSpec: (name) => project.artifacts.get(name),
    artifactsOf,
    contextInputs,
    labelsOf,
    buildStage,
    origin,
    limit,
  });
  return { ensure, foresee: direct.foresee, contextInputs, stored: direct.stored, close: direct.close };

  function ensure(name: string, terms: Terms, tags: readonly string[]): Promise<ImageResult> {
    const running = ensured.get(name);
    // A builder may have been built before, with its key as its only tag.
    if (running !== undefined) return running.then(async (result) => ({ ...result, tags: await addTags(result, tags) }));
    const started = make(name, terms, tags);
    ensured.set(name, started);
    return started;
  }

  async function make(name: string, terms: Terms, tags: readonly string[]): Promise<ImageResult> {
    try {
      const broken = terms.broken?.get(name);
      if (broken !== undefined) throw broken;
      const { node, key } = await planning.keyed(name);
      const wanted = [...new Set([keyReference(node, key), ...tags])];
      const found = await present(node, key, terms);
      const image = found ?? (await build({ node, key, tags: wanted }, terms));
      const all = await addTags(image, wanted);
      const status = found === undefined ? 'built' : all.length === found.tags.length ? 'present' : 'retagged';
      emit({ type: 'image', name, state: status });
      return { name, key, id: image.id, status, tags: wanted };
    } catch (error) {
      const skipped = error instanceof Skipped;
      emit({ type: 'image', name, state: skipped ? 'skipped' : 'failed', ...(skipped ? { reason: error.message } : {}) });
      throw error;
    }
  }

  /** All tags that the image then has. */
  async function addTags(image: PresentImage, tags: readonly string[]): Promise<string[]> {
    const missing = [...new Set(tags)].filter((tag) => !image.tags.includes(tag));
    for (const tag of missing) await engine.tag(image.id, tag);
    return [...image.tags, ...missing];
  }

  /** The image if it is there and is not to be built all the same. */
  async function present(node: ImageNode, key: ImageKey, { presence, anew }: Terms): Promise<PresentImage | undefined> {
    if (anew?.has(node.spec.name) === true) return undefined;
    const { repository } = node.spec;
    return presence === undefined ? presentImage(engine, repository, key, fitness) : presence.find(repository, key);
  }

  async function build({ node, key, tags }: Wanted, terms: Terms): Promise<PresentImage> {
    const { name } = node.spec;
    if (dependencies.engineBuild !== true && whyNotDirect(node) === undefined) {
      try {
        return { id: await direct.make(name, terms, tags), tags };
      } catch (error) {
        if (!(error instanceof NotThin)) throw error;
        emit({ type: 'step', subject: name, message: `built by the engine: ${error.message}` });
      }
    }
    const artifacts = await needsOf(node, terms);
    return { id: await buildOnce(node, artifacts, terms.anew?.has(name) === true), tags: [keyReference(node, key)] };
  }

  /** Parents and artifacts, all at once; a parent's failure is told once, at the parent. */
  async function needsOf(node: ImageNode, terms: Terms): Promise<Map<string, Artifact>> {
    const parents = [...new Set(node.edges.map(({ to }) => to))];
    const making = Promise.allSettled(parents.map(async (parent) => ensure(parent, terms, await tagsAsParent(parent, terms))));
    const artifacts = await Promise.allSettled([artifactsOf(node)]);
    const made = await making;
    const failed = parents.filter((_, index) => made[index]!.status === 'rejected');
    if (failed.length > 0) throw new Skipped(`${failed.join(', ')} could not be built`);
    const [outcome] = artifacts;
    return outcome.status === 'fulfilled' ? outcome.value : rethrow(outcome.reason);
  }

  /** Those outside are known to be present; they may be so under another name, and then lack the tag that FROM will have. */
  async function tagsAsParent(name: string, { within }: Terms): Promise<readonly string[]> {
    return within?.has(name) === false ? [] : planning.tags(name);
  }

  async function artifactsOf({ spec }: ImageNode): Promise<Map<string, Artifact>> {
    const outcomes = await Promise.allSettled(spec.artifacts.map(async ({ value }) => [value, await dependencies.artifact(value)] as const));
    return new Map(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : rethrow(outcome.reason))));
  }

  /** Once across processes: who waited finds the image there. */
  function buildOnce(node: ImageNode, artifacts: ReadonlyMap<string, Artifact>, anew: boolean): Promise<ImageId> {
    const { name, repository } = node.spec;
    const onWait = (holder: string): void => emit({ type: 'waiting', message: `${name}: waiting for ${holder}, which is building the same image` });
    return limit(async () => {
      const { key } = await planning.keyed(name);
      const work = async (): Promise<ImageId> => {
        const found = anew ? undefined : await presentImage(engine, repository, key, fitness);
        if (found !== undefined) return found.id;
        emit({ type: 'image', name, state: 'started' });
        const context = await contextInputs(name, artifacts);
        const answers = sessionFor(node, { project, env: dependencies.env ?? {}, credentials: dependencies.credentials });
        const id = await buildWithEngine(node, { engine, emit, signal, context, tag: keyReference(node, key), labels: await labelsOf(name), noCache: anew, answers });
        await recordBuild(store, planning, name);
        return id;
      };
      return store.withLock(`image-${key}`, work, onWait);
    });
  }

  /** An earlier stage of an image that is assembled, made by the engine's builder; it gets no tag. */
  async function buildStage(node: ImageNode, index: number, { artifacts, anew }: StageOptions): Promise<ImageId> {
    const { args, platform } = node.spec;
    const resolved = resolveDockerfile(node.resolved.dockerfile, { args, platform: platform ?? node.platform, target: String(index) });
    const answers = sessionFor(node, { project, env: dependencies.env ?? {}, credentials: dependencies.credentials });
    const stage = { ...node, resolved };
    const context = { ...(await contextInputs(node.spec.name, artifacts)), dockerfile: await rewritten(stage) };
    return buildWithEngine(stage, { engine, emit, signal, context, labels: {}, noCache: anew, answers });
  }

  async function contextInputs(name: string, artifacts: ReadonlyMap<string, Artifact>, fixArgs = false): Promise<ContextInputs> {
    const node = await graph.node(name);
    const { entries, reach } = await planning.context(name);
    return {
      folder: join(project.root, node.spec.context.value),
      entries,
      dockerfile: await rewritten(node, fixArgs),
      ownPath: dockerfileInContext(node),
      excludedBy: (path) => excludedBy(node, path, project.root),
      artifacts,
      store,
      reach,
    };
  }

  /** The Dockerfile with the project's images under the tags of their keys. */
  async function rewritten({ resolved, edges }: ImageNode, fixArgs = false): Promise<string> {
    const references = new Map<string, string>();
    for (const { to, use } of edges) {
      const parent = await planning.keyed(to);
      references.set(useId(use), keyReference(parent.node, parent.key));
    }
    return rewriteDockerfile(resolved, { image: (use) => references.get(useId(use)), fixArgs });
  }

  async function labelsOf(name: string): Promise<Record<string, string>> {
    const { node, key, record } = await planning.keyed(name);
    const base = await ownBase(node);
    const commit = (await dependencies.revision)?.commit;
    return imageLabels({
      project: project.name,
      image: name,
      key,
      record,
      ...(commit === undefined ? {} : { commit, version: revisionTag(commit, await planning.dirty(name), key) }),
      origin: await origin(),
      ...(base === undefined ? {} : { base }),
    });
  }

  /** The base of the stage that is built, if it is somebody else's image. */
  async function ownBase(node: ImageNode): Promise<{ name: string; digest?: string } | undefined> {
    const { base } = targetOf(node);
    const use = base.kind === 'image' ? baseUses(node).find(({ reference }) => reference === base.reference) : undefined;
    if (use === undefined) return undefined;
    const { digest } = await bases.identity(use);
    return { name: use.reference, ...(digest === undefined ? {} : { digest }) };
  }
}

function excludedBy({ ignore }: ImageNode, path: string, root: string): string | undefined {
  return ignore.file !== undefined && ignore.patterns.matches(path) ? relative(root, ignore.file) : undefined;
}

interface StageOptions {
  readonly artifacts: ReadonlyMap<string, Artifact>;
  /** Without the engine's build cache. */
  readonly anew: boolean;
}

/** Where it is written: a Dockerfile that is resolved for another target has other objects. */
function useId({ range }: ImageUse): string {
  return `${range.start}-${range.end}`;
}

interface Wanted {
  readonly node: ImageNode;
  readonly key: ImageKey;
  /** References, the key's first. */
  readonly tags: readonly string[];
}

function keyReference({ spec }: ImageNode, key: ImageKey): string {
  return `${spec.repository}:${keyTag(key)}`;
}

function rethrow(reason: unknown): never {
  throw reason;
}
