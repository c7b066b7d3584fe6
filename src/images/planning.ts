import type { Project } from '../config/project.js';
import type { KeyRecord } from '../artifact/kind.js';
import type { ImageKey } from '../core/identity.js';
import { hashRecord } from '../core/record.js';
import type { StatCache } from '../docker/stat-cache.js';
import { lazy, memoised } from '../util/memo.js';
import { artifactInputs } from './artifact-inputs.js';
import { baseUses, type Bases } from './base.js';
import { createChangeFinder, type Change } from './change.js';
import { readImageContext, type ImageContext } from './context.js';
import type { ImageGraph } from './graph.js';
import { imageKeyRecord } from './key.js';
import type { ImageNode } from './node.js';
import type { PlannerDependencies } from './planner.js';
import { imageTags } from './tags.js';

/** What is known of a project's images before anything is built, each computed once; discarded whole when a base changed. */
export interface Planning {
  context(name: string): Promise<ImageContext>;
  keyed(name: string): Promise<KeyedImage>;
  /** The working tree has changes that reach the image. */
  dirty(name: string): Promise<boolean>;
  /** How each image is reached by these changed paths. */
  changeBy(changed: readonly string[]): (name: string) => Promise<Change | undefined>;
  /** Full references that the image shall have, the key tag first. */
  tags(name: string): Promise<string[]>;
}

export interface KeyedImage {
  readonly node: ImageNode;
  readonly key: ImageKey;
  /** What the key is the hash of. */
  readonly record: KeyRecord;
}

/** What all parts of a planner share. */
export interface PlannerParts {
  readonly project: Project;
  readonly dependencies: PlannerDependencies;
  readonly graph: ImageGraph;
  readonly bases: Bases;
  readonly statCache: StatCache;
}

export function createPlanning({ project, dependencies, graph, bases, statCache }: PlannerParts): Planning {
  const inputsOf = dependencies.artifactInputs ?? ((name: string) => artifactInputs(project, name));
  const context = memoised(readContext);
  const keyed = memoised(computeKey);
  const changeBy = (changed: readonly string[]) => createChangeFinder({ project, node: (name) => graph.node(name), context, artifactInputs: inputsOf }, changed);
  const dirtyBy = lazy(async () => changeBy((await dependencies.revision)?.changed ?? []));
  const dirty = async (name: string) => (await (await dirtyBy())(name)) !== undefined;
  return { context, keyed, dirty, changeBy, tags };

  async function readContext(name: string): Promise<ImageContext> {
    const node = await graph.node(name);
    const parents = await Promise.all(node.edges.map(({ to }) => graph.node(to)));
    return readImageContext(node, { project, statCache, parentsCopy: parents.some(({ copiesOnBuild }) => copiesOnBuild) });
  }

  async function computeKey(name: string): Promise<KeyedImage> {
    const node = await graph.node(name);
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

  async function tags(name: string): Promise<string[]> {
    const { node, key } = await keyed(name);
    const revision = await dependencies.revision;
    const { tags: given = [], latest = given.length === 0 } = dependencies;
    const all = imageTags(key, {
      dirty: await dirty(name),
      extra: [...(latest ? ['latest'] : []), ...given],
      ...(revision?.commit === undefined ? {} : { commit: revision.commit }),
      ...(revision?.branchTag === undefined ? {} : { branchTag: revision.branchTag }),
    });
    return all.map((tag) => `${node.spec.repository}:${tag}`);
  }
}
