import { join } from 'node:path';
import type { Artifact } from '../artifact/artifact.js';
import type { ImageId, ImageKey } from '../core/identity.js';
import { rewriteDockerfile } from '../docker/rewrite.js';
import type { Limit } from '../util/limit.js';
import { baseUses } from './base.js';
import { buildImage } from './build-image.js';
import { sessionFor } from './build-session.js';
import type { ContextInputs } from './context-items.js';
import { contextFiles } from './key.js';
import { imageLabels } from './labels.js';
import { dockerfileInContext, type ImageNode } from './node.js';
import type { PlannerParts, Planning } from './planning.js';
import type { ImageResult } from './planner.js';
import { presentImage, type PresentImage } from './presence.js';
import { keyTag, revisionTag } from './tags.js';

/** Makes planned images exist, each once, parents and artifacts first. */
export interface Assembly {
  /** Finds or builds the image and gives it these tags besides the key tag. Fails with Skipped if a parent failed. */
  ensure(name: string, terms: Terms, tags: readonly string[]): Promise<ImageResult>;
  /** What goes into the image's context; with `fixArgs`, what makes a plain build give the same image. */
  contextInputs(name: string, artifacts: ReadonlyMap<string, Artifact>, fixArgs?: boolean): Promise<ContextInputs>;
}

export type PresentImages = ReadonlyMap<string, PresentImage>;

/** What holds for all images of one build. */
export interface Terms {
  /** By key. */
  readonly present: PresentImages;
  /** Short names of those that may be built or tagged; default all. */
  readonly within?: ReadonlySet<string>;
  /** Short names of those that are built even if they are present. */
  readonly anew?: ReadonlySet<string>;
  /** Short name → why it can't be built, known beforehand. */
  readonly broken?: ReadonlyMap<string, Error>;
}

/** Not built because something that it needs was not; that failure is told where it happened. */
export class Skipped extends Error {}

export function createAssembly({ project, dependencies, bases }: PlannerParts, planning: Planning, limit: Limit): Assembly {
  const { engine, store, emit, signal, revision } = dependencies;
  const ensured = new Map<string, Promise<ImageResult>>();
  return { ensure, contextInputs };

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
      const wanted = [keyReference(node, key), ...tags];
      const found = terms.anew?.has(name) === true ? undefined : (terms.present.get(key) ?? (await presentImage(engine, node.spec.repository, key)));
      const image = found ?? (await build(node, key, terms));
      const all = await addTags(image, wanted);
      const status = found === undefined ? 'built' : all.length === found.tags.length ? 'present' : 'retagged';
      emit({ type: 'image', name, state: status });
      return { name, key, id: image.id, status, tags: [...new Set(wanted)] };
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

  async function build(node: ImageNode, key: ImageKey, terms: Terms): Promise<PresentImage> {
    const artifacts = await needsOf(node, terms);
    emit({ type: 'image', name: node.spec.name, state: 'started' });
    return { id: await buildOnce(node, artifacts, terms.anew?.has(node.spec.name) === true), tags: [keyReference(node, key)] };
  }

  /** Parents and artifacts, all at once; a parent's failure is told once, at the parent. */
  async function needsOf({ edges, spec }: ImageNode, terms: Terms): Promise<Map<string, Artifact>> {
    const parents = [...new Set(edges.map(({ to }) => to))];
    // Those outside are known to be present; they may be so under another name, and then lack the tag that FROM will have.
    const tagsOf = async (parent: string): Promise<readonly string[]> => (terms.within?.has(parent) === false ? [] : planning.tags(parent));
    const making = Promise.allSettled(parents.map(async (parent) => ensure(parent, terms, await tagsOf(parent))));
    const artifacts = await Promise.allSettled(spec.artifacts.map(async ({ value }) => [value, await dependencies.artifact(value)] as const));
    const made = await making;
    const failed = parents.filter((_, index) => made[index]!.status === 'rejected');
    if (failed.length > 0) throw new Skipped(`${failed.join(', ')} could not be built`);
    return new Map(artifacts.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : rethrow(outcome.reason))));
  }

  /** Once across processes: who waited finds the image there. */
  function buildOnce(node: ImageNode, artifacts: ReadonlyMap<string, Artifact>, anew: boolean): Promise<ImageId> {
    const { name, repository } = node.spec;
    const onWait = (holder: string): void => emit({ type: 'waiting', message: `${name}: waiting for ${holder}, which is building the same image` });
    return limit(async () => {
      const { key, record } = await planning.keyed(name);
      const work = async (): Promise<ImageId> => {
        const found = anew ? undefined : await presentImage(engine, repository, key);
        if (found !== undefined) return found.id;
        const context = await contextInputs(name, artifacts);
        const answers = sessionFor(node, { project, env: dependencies.env ?? {}, credentials: dependencies.credentials });
        const id = await buildImage(node, { engine, emit, signal, context, tag: keyReference(node, key), labels: await labelsOf(name), noCache: anew, answers });
        const { entries } = await planning.context(name);
        await store.putRecord('images', key, { name, record, files: contextFiles(entries) });
        return id;
      };
      return store.withLock(`image-${key}`, work, onWait);
    });
  }

  async function contextInputs(name: string, artifacts: ReadonlyMap<string, Artifact>, fixArgs = false): Promise<ContextInputs> {
    const { node } = await planning.keyed(name);
    const { entries, reach } = await planning.context(name);
    const references = new Map<object, string>();
    for (const { to, use } of node.edges) {
      const parent = await planning.keyed(to);
      references.set(use, keyReference(parent.node, parent.key));
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

  async function labelsOf(name: string): Promise<Record<string, string>> {
    const { node, key, record } = await planning.keyed(name);
    const base = await ownBase(node);
    return imageLabels({
      project: project.name,
      image: name,
      key,
      record,
      ...(revision === undefined ? {} : { revision }),
      ...(revision?.commit === undefined ? {} : { version: revisionTag(revision.commit, await planning.dirty(name), key) }),
      ...(base === undefined ? {} : { base }),
    });
  }

  /** The base of the stage that is built, if it is somebody else's image. */
  async function ownBase(node: ImageNode): Promise<{ name: string; digest?: string } | undefined> {
    const { base } = node.resolved.stages[node.resolved.target]!;
    const use = base.kind === 'image' ? baseUses(node).find(({ reference }) => reference === base.reference) : undefined;
    if (use === undefined) return undefined;
    const { digest } = await bases.identity(use);
    return { name: use.reference, ...(digest === undefined ? {} : { digest }) };
  }
}

function keyReference({ spec }: ImageNode, key: ImageKey): string {
  return `${spec.repository}:${keyTag(key)}`;
}

function rethrow(reason: unknown): never {
  throw reason;
}
