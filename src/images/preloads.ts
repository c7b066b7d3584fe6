import type { Artifact } from '../artifact/artifact.js';
import type { Tree } from '../assemble/tree.js';
import type { ArtifactSpec } from '../config/project.js';
import type { AboveFolder } from '../layers/layer.js';
import { isByBuilder } from '../load/is-by-builder.js';
import { lazy } from '../util/memo.js';
import type { ParentImage } from './assemble-image.js';
import type { ContextInputs } from './context-items.js';
import { firstArtifact } from './first-artifact.js';
import type { LoadQueue } from './load-queue.js';
import type { ImageNode } from './node.js';
import type { PlannerDependencies } from './planner.js';
import { Preload, type Foundation } from './preload.js';

/** Sends layers of artifacts ahead of the images that they will be in (see `Preload`). */
export interface Preloads {
  /** Begins as soon as there are parts of the image's artifacts, and what it stands on is known: asked for then, undefined if it can't be told yet. */
  foresee(node: ImageNode, ground: () => Promise<Ground | undefined>): void;
  /** Begins as soon as there are parts of the image's artifacts. */
  begin(node: ImageNode, ground: Ground): void;
  /** The artifacts are there, or won't be. */
  end(image: string): Promise<void>;
  /** Removes what was sent for it: the image is there, or won't be. */
  clear(image: string): Promise<void>;
  clearAll(): Promise<void>;
}

/** What an image stands on. */
export interface Ground {
  readonly parent: ParentImage;
  /** How many of the parent's layers the engine surely has. */
  readonly known: number;
}

export interface PreloadsParts {
  readonly dependencies: PlannerDependencies;
  readonly queue: Pick<LoadQueue, 'ahead'>;
  readonly artifactSpec: (name: string) => ArtifactSpec | undefined;
  readonly contextInputs: (name: string, artifacts: ReadonlyMap<string, Artifact>) => Promise<ContextInputs>;
  readonly foldersAbove: (prefix: string, tree: Tree, node: ImageNode) => Promise<readonly AboveFolder[]>;
}

export function createPreloads({ dependencies, queue, artifactSpec, contextInputs, foldersAbove }: PreloadsParts): Preloads {
  const { engine, store, ahead } = dependencies;
  const begun = new Map<string, Begun>();
  return { foresee, begin, end, clear, clearAll: async () => void (await Promise.all([...begun.keys()].map(clear))) };

  function foresee(node: ImageNode, ground: () => Promise<Ground | undefined>): void {
    const ask = lazy(async () => {
      const found = await ground();
      if (found !== undefined) opened?.stand(found);
    });
    // What fails here fails again where it is told.
    const opened = open(node, () => void ask().catch(() => undefined));
  }

  function begin(node: ImageNode, ground: Ground): void {
    const { stand } = begun.get(node.spec.name) ?? open(node) ?? NONE;
    stand(ground);
  }

  /** `onParts`: there are some. */
  function open(node: ImageNode, onParts = (): void => undefined): Begun | undefined {
    if (ahead === undefined) return undefined;
    let stand: Begun['stand'] = () => undefined;
    const ground = new Promise<Ground | undefined>((resolve) => (stand = resolve));
    const preloads = new Map<string, Preload>();
    const preloadOf = (artifact: string): Preload => {
      const preload = preloads.get(artifact) ?? new Preload({
        foundation: async () => foundationOf(artifact, node, await ground),
        send: queue.ahead,
        remove: async (id) => void (await engine.removeImage(id)),
        labels: ahead.labels,
      });
      preloads.set(artifact, preload);
      return preload;
    };
    const listen = (value: string) => ahead.parts(value, (parts) => {
      preloadOf(value).add(parts);
      onParts();
    });
    const opened: Begun = { preloads, stops: [], stand };
    begun.set(node.spec.name, opened);
    // Some may be told of at once.
    opened.stops.push(...node.spec.artifacts.map(({ value }) => listen(value)));
    return opened;
  }

  async function end(image: string): Promise<void> {
    const { preloads, stops, stand } = begun.get(image) ?? NONE;
    for (const stop of stops) stop();
    stand(undefined);
    await Promise.all([...preloads.values()].map((preload) => preload.end()));
  }

  async function clear(image: string): Promise<void> {
    await end(image);
    const { preloads } = begun.get(image) ?? NONE;
    begun.delete(image);
    await Promise.all([...preloads.values()].map((preload) => preload.clear()));
  }

  /** Undefined unless the artifact's layers will be a fresh set right on those of the parent. */
  async function foundationOf(artifact: string, node: ImageNode, ground: Ground | undefined): Promise<Foundation | undefined> {
    if (ground === undefined) return undefined;
    const { parent, known } = ground;
    const artifacts = new Map(node.spec.artifacts.map(({ value }) => [value, withoutParts(artifactSpec(value)!)] as const));
    const first = await firstArtifact(node, { parent, context: await contextInputs(node.spec.name, artifacts) });
    if (first?.name !== artifact) return undefined;
    const content = artifacts.get(artifact)!;
    const { earlyLayers } = await import('../layers/early-layers.js');
    const early = await earlyLayers({ name: artifact, artifact: content, above: await foldersAbove(content.prefix, first.below, node) }, store);
    return early === undefined ? undefined : { parent, known, early, isOneByOne: isByBuilder(await engine.info()) };
  }
}

interface Begun {
  /** By artifact. */
  readonly preloads: ReadonlyMap<string, Preload>;
  readonly stops: (() => void)[];
  /** What it stands on is known, or won't be; the first word counts. */
  readonly stand: (ground: Ground | undefined) => void;
}

const NONE: Begun = { preloads: new Map(), stops: [], stand: () => undefined };

function withoutParts({ kind, prefix }: ArtifactSpec): Artifact {
  return { format: 1, kind, prefix, parts: [] };
}
