import type { Artifact, Part } from '../artifact/artifact.js';
import type { ArtifactSpec } from '../config/project.js';
import type { AboveFolder } from '../layers/layer.js';
import type { Tree } from '../assemble/tree.js';
import type { ParentImage } from './assemble-image.js';
import type { ContextInputs } from './context-items.js';
import { firstArtifact } from './first-artifact.js';
import type { LoadQueue } from './load-queue.js';
import type { ImageNode } from './node.js';
import type { PlannerDependencies } from './planner.js';
import { Preload, type Foundation } from './preload.js';

/** The label of images that only bring layers ahead. */
export const PRELOAD_LABEL = 'wheelwright.preload';

/** Sends layers of artifacts ahead of the images that they will be in (see `Preload`). */
export interface Preloads {
  /** To be ended when the image's artifacts are there. */
  begin(node: ImageNode, on: Ground): Ahead;
  /** Removes everything that was sent. */
  clear(): Promise<void>;
}

export interface Ahead {
  end(): Promise<void>;
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
  const { engine, store, artifactParts, containerLabels } = dependencies;
  const begun: Preload[] = [];
  return { begin, clear };

  function begin(node: ImageNode, ground: Ground): Ahead {
    const listeners = new Map<string, Preload>();
    const stops = node.spec.artifacts.map(({ value }) => artifactParts?.(value, (parts) => preloadOf(value).add(parts)));
    return { end };

    function preloadOf(artifact: string): Preload {
      const known = listeners.get(artifact);
      if (known !== undefined) return known;
      const preload = new Preload({
        foundation: () => foundationOf(artifact, node, ground),
        send: queue.ahead,
        remove: async (id) => void (await engine.removeImage(id)),
        labels: async () => ({ ...(await containerLabels?.()), [PRELOAD_LABEL]: artifact }),
      });
      listeners.set(artifact, preload);
      begun.push(preload);
      return preload;
    }

    async function end(): Promise<void> {
      for (const stop of stops) stop?.();
      await Promise.all([...listeners.values()].map((preload) => preload.end()));
    }
  }

  /** Undefined unless the artifact's layers will be a fresh set right on those of the parent. */
  async function foundationOf(artifact: string, node: ImageNode, { parent, known }: Ground): Promise<Foundation | undefined> {
    const artifacts = new Map(node.spec.artifacts.map(({ value }) => [value, withoutParts(artifactSpec(value)!)] as const));
    const context = await contextInputs(node.spec.name, artifacts);
    const first = await firstArtifact(node, { parent, context });
    if (first?.name !== artifact) return undefined;
    const content = artifacts.get(artifact)!;
    const { earlyLayers } = await import('../layers/early-layers.js');
    const early = await earlyLayers({ name: artifact, artifact: content, above: await foldersAbove(content.prefix, first.below, node) }, store);
    return early === undefined ? undefined : { parent, known, early };
  }

  async function clear(): Promise<void> {
    await Promise.all(begun.splice(0).map((preload) => preload.clear()));
  }
}

function withoutParts({ kind, prefix }: ArtifactSpec): Artifact {
  return { format: 1, kind, prefix, parts: [] as readonly Part[] };
}
