import { Readable } from 'node:stream';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { assembleStage } from '../../../src/assemble/assemble-stage.js';
import type { Assembled, SourceFiles } from '../../../src/assemble/assemble.js';
import { NotThin } from '../../../src/assemble/not-thin.js';
import type { OciConfig } from '../../../src/assemble/oci-config.js';
import { scratchConfig } from '../../../src/assemble/parent-config.js';
import { whyNotThin } from '../../../src/assemble/thin.js';
import type { Tree } from '../../../src/assemble/tree.js';
import { Failed } from '../../../src/core/failure.js';
import { parseDockerfile } from '../../../src/docker/dockerfile.js';
import { resolveDockerfile, type Resolved } from '../../../src/docker/resolve.js';
import type { Engine } from '../../../src/engine/engine.js';
import { buffer } from 'node:stream/consumers';
import type { Case } from './case.js';
import { applyLayers, asTree, type FileTree } from './file-tree.js';
import { memoryContext, treeFiles } from './memory-context.js';
import { file, sha256, tar, type TestEntry } from './node.js';

/** A parent as both sides know it. */
export interface Parent {
  /** What FROM says. */
  readonly reference: string;
  readonly config: OciConfig;
  readonly tree: Tree;
  /** Absent where only the engine knows it. */
  readonly files?: FileTree;
}

export type Outcome =
  | { readonly kind: 'built'; readonly config: OciConfig; readonly layers: readonly Buffer[] }
  | { readonly kind: 'failed' | 'not thin'; readonly message: string };

const CREATED = '2020-01-02T03:04:05Z';

export function dockerfileOf({ text, parent }: Case, parents: ReadonlyMap<string, Parent>): string {
  const named = text.replace(/@(\w+)/g, (all, name: string) => parents.get(name)?.reference ?? all);
  if (/^FROM /m.test(named)) return named;
  return `FROM ${parent === 'scratch' ? 'scratch' : parents.get(parent)!.reference}\n${named}`;
}

/** The context with the Dockerfile in it, as an engine is sent it. */
export function contextOf(one: Case, dockerfile: string): TestEntry[] {
  // First: engines do not know a tar that begins with a pax header.
  return [file('Dockerfile', dockerfile), ...(one.context ?? [])];
}

export async function buildWithEngine(engine: Engine, one: Case, dockerfile: string): Promise<{ readonly id?: string; readonly message?: string }> {
  const sent = await tar(contextOf(one, dockerfile));
  try {
    const id = await engine.build({
      context: () => Readable.from([sent]),
      dockerfile: 'Dockerfile',
      tags: [],
      backend: 'buildkit',
      ...(one.args === undefined ? {} : { buildArgs: one.args }),
      ...(one.labels === undefined ? {} : { labels: one.labels }),
      ...(one.target === undefined ? {} : { target: one.target }),
    });
    return { id };
  } catch (error) {
    if (error instanceof Failed && error.has('build')) return { message: error.problems.flatMap(({ detail = [], message }) => [message, ...detail]).join(' | ') };
    throw error;
  }
}

/** The image as we make it; stages that it is FROM or copies from are made the same way. */
export async function assembleAll(one: Case, dockerfile: string, parents: ReadonlyMap<string, Parent>): Promise<Outcome> {
  try {
    const resolved = resolveDockerfile(parseDockerfile(dockerfile, 'Dockerfile'), { ...(one.args === undefined ? {} : { args: one.args }), ...(one.target === undefined ? {} : { target: one.target }) });
    const stages = new Map<number, Promise<StageResult>>();
    const { config, layers } = await stageOf(resolved.target, { one, dockerfile, resolved, parents, stages });
    return { kind: 'built', config, layers };
  } catch (error) {
    if (error instanceof NotThin) return { kind: 'not thin', message: error.message };
    if (error instanceof Failed) return { kind: 'failed', message: error.message };
    throw error;
  }
}

interface StageResult {
  readonly config: OciConfig;
  readonly tree: Tree;
  readonly files: FileTree;
  /** Those on top of the image that the first stage is FROM. */
  readonly layers: readonly Buffer[];
}

interface Making {
  readonly one: Case;
  readonly dockerfile: string;
  readonly resolved: Resolved;
  readonly parents: ReadonlyMap<string, Parent>;
  readonly stages: Map<number, Promise<StageResult>>;
}

function stageOf(index: number, making: Making): Promise<StageResult> {
  const known = making.stages.get(index);
  if (known !== undefined) return known;
  const made = makeStage(index, making);
  making.stages.set(index, made);
  return made;
}

async function makeStage(index: number, making: Making): Promise<StageResult> {
  const { one, dockerfile, parents } = making;
  const resolved = { ...making.resolved, target: index };
  const found = whyNotThin(resolved);
  if (found !== undefined) throw new NotThin(found.reason, found.place);
  const below = await parentOf(resolved, making);
  const from = async (source: string | number): Promise<SourceFiles> => {
    if (typeof source === 'number') return treeFiles((await stageOf(source, making)).files);
    return treeFiles([...parents.values()].find(({ reference }) => reference === source)!.files!);
  };
  const assembled = await assembleStage({
    resolved,
    parent: { config: below.config, tree: below.tree },
    context: memoryContext(contextOf(one, dockerfile)),
    from,
    artifactTree: async () => { throw new Error('no artifacts here'); },
    args: one.args ?? {},
    platform: 'linux/amd64',
    labels: index === making.resolved.target ? (one.labels ?? {}) : {},
    created: CREATED,
  });
  const layers = await layersOf(assembled);
  return {
    config: configOf(assembled, below.config, layers),
    tree: assembled.tree,
    files: await applyLayers(below.files, layers),
    layers: [...below.layers, ...layers],
  };
}

async function parentOf({ stages, target }: Resolved, making: Making): Promise<StageResult> {
  const { base } = stages[target]!;
  if (base.kind === 'stage') return stageOf(base.index, making);
  if (base.kind === 'scratch') return { config: scratchConfig('linux/amd64'), tree: asTree(new Map()), files: new Map(), layers: [] };
  const parent = [...making.parents.values()].find(({ reference }) => reference === base.reference)!;
  return { config: parent.config, tree: parent.tree, files: parent.files ?? new Map(), layers: [] };
}

async function layersOf({ steps }: Assembled): Promise<Buffer[]> {
  const layers: Buffer[] = [];
  for (const { layer } of steps) {
    if (layer === undefined) continue;
    if (layer.kind !== 'entries') throw new Error('no artifacts here');
    layers.push(await buffer(tarOf(layer.entries.map(({ entry, content }) => (content === undefined ? { entry } : { entry, content: content() })))));
  }
  return layers;
}

function configOf({ config, steps }: Assembled, below: OciConfig, layers: readonly Buffer[]): OciConfig {
  return {
    ...config,
    rootfs: { type: 'layers', diff_ids: [...below.rootfs.diff_ids, ...layers.map((layer) => `sha256:${sha256(layer)}`)] },
    history: [...below.history, ...steps.map(({ createdBy, layer }) => ({ created: CREATED, created_by: createdBy, comment: 'buildkit.dockerfile.v0', ...(layer === undefined ? { empty_layer: true } : {}) }))],
  };
}
