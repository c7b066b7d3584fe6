import type { Artifact } from '../artifact/artifact.js';
import type { AssembleInputs, Step } from '../assemble/assemble.js';
import type { History, OciConfig } from '../assemble/oci-config.js';
import type { Tree } from '../assemble/tree.js';
import type { ImageId } from '../core/identity.js';
import { copiedLayers } from '../layers/copied-layers.js';
import type { Layer } from '../layers/layer.js';
import type { Store } from '../store/store.js';
import { artifactTree } from './artifact-tree.js';
import type { AssembledImage } from './assembled-image.js';
import { assemblyContext } from './assembly-context.js';
import type { ContextInputs } from './context-items.js';
import { lazy } from '../util/memo.js';
import { LABELS } from './labels.js';
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
  /** What is copied is laid as its content alone says. */
  readonly canonical: boolean;
  /** The layers of an artifact of the image, to be put on `below`. */
  readonly artifactLayers: (name: string, artifact: Artifact, below: Tree) => Promise<readonly Layer[]>;
}

/** An image that was just assembled, and its file system. */
export interface FreshImage {
  readonly image: AssembledImage;
  readonly tree: Tree;
  /** What was laid, so that a later image of that name can extend it; may wait until there is time for it. */
  remember(): Promise<void>;
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
  const remembering: (() => Promise<void>)[] = [];
  let extended = false;
  for (const [index, run] of runsOf(steps, context).entries()) {
    const below = [...parent.layers, ...layers];
    const made = isArtifacts(run) ? await laidArtifacts(run, below, options) : await laidCopies(run, below, { ...options, name: `${node.spec.repository} ${index}` });
    layers.push(...made.layers);
    history.push(...made.history);
    if (made.remember !== undefined) remembering.push(made.remember);
    extended ||= made.extended === true;
  }
  const all = [...parent.layers, ...layers];
  const whole: OciConfig = {
    ...config,
    ...(extended ? { config: { ...config.config, Labels: { ...config.config.Labels, [LABELS.extended]: 'true' } } } : {}),
    rootfs: { type: 'layers', diff_ids: all.map(({ diffId }) => diffId) },
    history: [...parent.config.history, ...history],
  };
  const image: AssembledImage = { config: whole, bytes: Buffer.from(JSON.stringify(whole)), layers: all, ...(parent.base === undefined ? {} : { base: parent.base }) };
  return { image, tree, remember: lazy(async () => void (await Promise.all(remembering.map((remember) => remember())))) };
}

/** What some steps add to an image. */
interface Laid {
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** As many lines that are not empty. */
  readonly history: readonly History[];
  /** Some of them keep what is overwritten. */
  readonly extended?: boolean;
  remember?(): Promise<void>;
}

/** Artifacts that lie side by side: what they put into the file system may come in any order. */
async function laidArtifacts(run: readonly ArtifactStep[], below: readonly Layer[], { context, earlier, created, artifactLayers }: AssembleImageOptions): Promise<Laid> {
  const made: Made[] = [];
  for (const step of run) made.push({ step, layers: await artifactLayers(step.layer.name, artifactOf(context, step.layer.name), step.layer.below) });
  const stepOf = new Map(made.flatMap((one) => one.layers.map((layer) => [layer, one.step] as const)));
  const ordered = orderLayers(made.map((one) => one.layers), run.length === 1 ? [] : earlierAt(earlier, below));
  const empty = made.flatMap(({ step, layers: { length } }) => (length === 0 ? [emptyLine(step, created)] : []));
  return { layers: ordered, history: [...empty, ...ordered.map((layer) => lineOf(stepOf.get(layer)!, created))] };
}

interface Made {
  readonly step: Step;
  readonly layers: readonly Layer[];
}

/** Everything else: each line has its layer, and what extends the layers of an earlier image comes behind. */
async function laidCopies(run: readonly Step[], below: readonly Layer[], { store, created, canonical, name }: AssembleImageOptions & { readonly name: string }): Promise<Laid> {
  const drafts = run.flatMap((step) => (step.layer?.kind === 'entries' ? [{ step, ...step.layer }] : []));
  if (drafts.length === 0) return { layers: [], history: run.map((step) => emptyLine(step, created)) };
  const { layers, extended, remember } = await copiedLayers(drafts.map(({ entries }) => entries), {
    store,
    name,
    below: below.map(({ diffId }) => diffId),
    canonical,
  });
  const filled = new Set(drafts.slice(0, layers.length).map(({ step }) => step));
  const further = layers.slice(drafts.length).map(({ of }) => lineOf(drafts[of]!.step, created));
  return { layers: layers.map(({ layer }) => layer), history: [...run.map((step) => (filled.has(step) ? lineOf(step, created) : emptyLine(step, created))), ...further], extended, remember };
}

type ArtifactStep = Step & { readonly layer: { readonly kind: 'artifact' } };

function isArtifacts(run: readonly Step[]): run is readonly ArtifactStep[] {
  return run.every(({ layer }) => layer?.kind === 'artifact');
}

/** Steps that are laid together: artifacts that lie side by side, and all others. */
function runsOf(steps: readonly Step[], context: ContextInputs): readonly (readonly Step[])[] {
  const runs: Step[][] = [];
  for (const step of steps) {
    const run = runs.at(-1);
    const prefix = prefixOf(step, context);
    const others = run?.map((one) => prefixOf(one, context));
    const fits = others?.every((other) => (prefix === undefined || other === undefined ? prefix === other : liesApart(prefix, other))) === true;
    if (fits) run!.push(step);
    else runs.push([step]);
  }
  return runs;
}

function prefixOf({ layer }: Step, context: ContextInputs): string | undefined {
  return layer?.kind === 'artifact' ? artifactOf(context, layer.name).prefix : undefined;
}

/** What earlier images that begin with the same layers have behind them. */
function earlierAt(earlier: readonly (readonly string[])[], below: readonly Layer[]): readonly (readonly string[])[] {
  return earlier.filter((diffIds) => below.every(({ diffId }, index) => diffIds[index] === diffId)).map((diffIds) => diffIds.slice(below.length));
}

function emptyLine(step: Step, created: string): History {
  return { ...lineOf(step, created), empty_layer: true };
}

function lineOf({ createdBy }: Step, created: string): History {
  return { created, created_by: createdBy, comment: COMMENT };
}

function artifactOf({ artifacts }: ContextInputs, name: string): Artifact {
  const artifact = artifacts.get(name);
  if (artifact === undefined) throw new Error(`the image has no artifact ${name}`);
  return artifact;
}
