import { tarOf } from '../archive/pack-tar.js';
import type { Artifact } from '../artifact/artifact.js';
import type { AssembleInputs, LayerDraft, Step } from '../assemble/assemble.js';
import type { History, OciConfig } from '../assemble/oci-config.js';
import type { Tree } from '../assemble/tree.js';
import type { ImageId } from '../core/identity.js';
import type { DiffId, Layer } from '../layers/layer.js';
import type { Store } from '../store/store.js';
import { artifactTree } from './artifact-tree.js';
import type { AssembledImage } from './assembled-image.js';
import { assemblyContext } from './assembly-context.js';
import type { ContextInputs } from './context-items.js';
import { liesApart, orderLayers } from './layer-order.js';
import type { ImageNode } from './node.js';

/** What an image is assembled on. */
export interface ParentImage {
  readonly config: OciConfig;
  readonly tree: Tree;
  /** As many as its configuration has diff ids. */
  readonly layers: readonly Layer[];
  /** The image of the engine that the layers of kind `engine` are from. */
  readonly base?: ImageId;
}

export interface AssembleImageOptions {
  readonly parent: ParentImage;
  readonly context: ContextInputs;
  readonly store: Store;
  readonly from: AssembleInputs['from'];
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly created: string;
  /** Diff ids of all layers of earlier images of that name, the last first. */
  readonly earlier: readonly (readonly string[])[];
  /** The layers of an artifact of the image, to be put on `below`. */
  readonly artifactLayers: (name: string, artifact: Artifact, below: Tree) => Promise<readonly Layer[]>;
}

/** An image that was just assembled, and its file system. */
export interface FreshImage {
  readonly image: AssembledImage;
  readonly tree: Tree;
}

const COMMENT = 'wheelwright';

/** Assembles a thin image: its new layers are in the store, and nothing is in the engine yet. Throws NotThin where only the parent shows that it is not. */
export async function assembleImage(node: ImageNode, options: AssembleImageOptions): Promise<FreshImage> {
  const { parent, context, store, labels, created } = options;
  const { assembleStage } = await import('../assemble/assemble-stage.js');
  const { config, steps, tree } = await assembleStage({
    resolved: node.resolved,
    parent,
    context: assemblyContext(context),
    from: options.from,
    args: node.spec.args,
    platform: node.platform,
    labels,
    created,
    artifactTree: async (name) => artifactTree(artifactOf(context, name), store),
  });
  const layers: Layer[] = [];
  const history: History[] = [];
  for (const run of runsOf(steps, context)) {
    const made: Made[] = [];
    for (const step of run) made.push({ step, layers: step.layer === undefined ? [] : await layersOf(step.layer, options) });
    const stepOf = new Map(made.flatMap((one) => one.layers.map((layer) => [layer, one.step] as const)));
    const place = parent.layers.length + layers.length;
    const before = [...parent.layers, ...layers];
    const ordered = orderLayers(made.map((one) => one.layers), run.length === 1 ? [] : earlierAt(options.earlier, before, place));
    layers.push(...ordered);
    history.push(...made.flatMap(({ step, layers: { length } }) => (length === 0 ? [{ ...lineOf(step, created), empty_layer: true }] : [])));
    history.push(...ordered.map((layer) => lineOf(stepOf.get(layer)!, created)));
  }
  const all = [...parent.layers, ...layers];
  const whole: OciConfig = {
    ...config,
    rootfs: { type: 'layers', diff_ids: all.map(({ diffId }) => diffId) },
    history: [...parent.config.history, ...history],
  };
  const image: AssembledImage = { config: whole, bytes: Buffer.from(JSON.stringify(whole)), layers: all, ...(parent.base === undefined ? {} : { base: parent.base }) };
  return { image, tree };
}

async function layersOf(draft: LayerDraft, { context, store, artifactLayers }: AssembleImageOptions): Promise<readonly Layer[]> {
  if (draft.kind === 'artifact') return artifactLayers(draft.name, artifactOf(context, draft.name), draft.below);
  const items = draft.entries.map(({ entry, content }) => (content === undefined ? { entry } : { entry, content: content() }));
  const { digest, size } = await store.writeBlob(tarOf(items));
  return [{ diffId: `sha256:${digest}` as DiffId, size, content: { kind: 'blob', blob: digest } }];
}

interface Made {
  readonly step: Step;
  readonly layers: readonly Layer[];
}

/** Steps one by one, but for artifacts that lie side by side: what these put into the file system may come in any order. */
function runsOf(steps: readonly Step[], context: ContextInputs): readonly (readonly Step[])[] {
  const runs: Step[][] = [];
  for (const step of steps) {
    const run = runs.at(-1);
    const prefix = prefixOf(step, context);
    const others = run?.map((one) => prefixOf(one, context));
    if (prefix !== undefined && others !== undefined && others.every((other) => other !== undefined && liesApart(prefix, other))) run!.push(step);
    else runs.push([step]);
  }
  return runs;
}

function prefixOf({ layer }: Step, context: ContextInputs): string | undefined {
  return layer?.kind === 'artifact' ? artifactOf(context, layer.name).prefix : undefined;
}

/** What earlier images that begin with the same layers have behind them. */
function earlierAt(earlier: readonly (readonly string[])[], before: readonly Layer[], place: number): readonly (readonly string[])[] {
  return earlier.filter((diffIds) => before.every(({ diffId }, index) => diffIds[index] === diffId)).map((diffIds) => diffIds.slice(place));
}

function lineOf({ createdBy }: Step, created: string): History {
  return { created, created_by: createdBy, comment: COMMENT };
}

function artifactOf({ artifacts }: ContextInputs, name: string): Artifact {
  const artifact = artifacts.get(name);
  if (artifact === undefined) throw new Error(`the image has no artifact ${name}`);
  return artifact;
}
