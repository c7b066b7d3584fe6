import type { Artifact } from '../artifact/artifact.js';
import type { ArtifactSpec } from '../config/project.js';
import type { Tree } from '../assemble/tree.js';
import { NotThin } from '../assemble/not-thin.js';
import { whyNotThin } from '../assemble/thin.js';
import { Failed } from '../core/failure.js';
import type { ImageId, ImageKey } from '../core/identity.js';
import { formatPlace } from '../core/place.js';
import type { Layer } from '../layers/layer.js';
import type { Limit } from '../util/limit.js';
import { lazy, memoised } from '../util/memo.js';
import { assembleImage, type FreshImage } from './assemble-image.js';
import { configId, readAssembled, writeAssembled, type AssembledImage } from './assembled-image.js';
import { assembledParent, scratchParent } from './assembled-parent.js';
import type { ContextInputs } from './context-items.js';
import { commonLayers, readEarlierImages, rememberLayers, type EarlierImage } from './earlier-layers.js';
import { LABELS } from './labels.js';
import { foldersAbove } from './folders-above.js';
import { createImageSources, type Standing } from './image-sources.js';
import type { KnownTree } from './known-tree.js';
import { withinLimit } from './layer-limit.js';
import { createLoadQueue } from './load-queue.js';
import { edgeOf, targetOf, type ImageNode } from './node.js';
import { createPreloads } from './preloads.js';
import { recordBuild } from './record-build.js';
import type { Planning } from './planning.js';
import type { ImageResult, Origin, PlannerDependencies } from './planner.js';
import type { PresentImage } from './presence.js';
import { Skipped, type ForeseenTerms, type Terms } from './terms.js';

/** What making an image by ourselves takes from the rest of the assembly. */
export interface DirectAssemblyParts {
  readonly dependencies: PlannerDependencies;
  readonly planning: Planning;
  /** Makes a parent exist in the engine. */
  readonly ensure: (name: string, terms: Terms) => Promise<Pick<ImageResult, 'id'>>;
  /** The engine's image of that key, if it has one. */
  readonly present: (node: ImageNode, key: ImageKey, terms: Terms) => Promise<PresentImage | undefined>;
  readonly artifactSpec: (name: string) => ArtifactSpec | undefined;
  readonly artifactsOf: (node: ImageNode) => Promise<Map<string, Artifact>>;
  readonly contextInputs: (name: string, artifacts: ReadonlyMap<string, Artifact>) => Promise<ContextInputs>;
  readonly labelsOf: (name: string) => Promise<Record<string, string>>;
  /** Has the engine's builder make an earlier stage of the image. */
  readonly buildStage: (node: ImageNode, index: number, options: { readonly artifacts: ReadonlyMap<string, Artifact>; readonly anew: boolean }) => Promise<ImageId>;
  readonly origin: () => Promise<Origin>;
  readonly limit: Limit;
}

/** Images that are made without the engine's builder. */
export interface DirectAssembly {
  /** Its artifacts' layers are sent as soon as there are parts of them, while keys are computed. */
  foresee(node: ImageNode, terms: () => Promise<ForeseenTerms>): void;
  /** Assembles the image and brings it to the engine under these references. */
  make(name: string, terms: Terms, tags: readonly string[]): Promise<ImageId>;
  /** The image as it is in the store, whether the engine has it or not; undefined if the engine has to build it. */
  stored(name: string): Promise<AssembledImage | undefined>;
  close(): Promise<void>;
}

/** An image with how many of its lowest layers the engine surely has. */
interface Made extends FreshImage {
  readonly known: number;
}

export function createDirectAssembly({ dependencies, planning, ensure, present, artifactSpec, artifactsOf, contextInputs, labelsOf, buildStage, origin, limit }: DirectAssemblyParts): DirectAssembly {
  const { engine, store, emit, signal } = dependencies;
  const made = new Map<string, Promise<Made>>();
  const sources = createImageSources({ dependencies, ensure });
  const foreseen: Promise<unknown>[] = [];
  const begun = new Set<string>();
  /** What images stand on. A child asks its parent's tree, which asks those below it. */
  const trees = new Set<KnownTree>();
  const queue = createLoadQueue(lazy(async () => {
    const { createLoader } = await import('../load/load-images.js');
    return createLoader({ engine, store, emit, signal, ...(dependencies.ahead === undefined ? {} : { labels: dependencies.ahead.labels }) });
  }));
  const preloads = createPreloads({ dependencies, queue, artifactSpec, contextInputs, foldersAbove });
  return { foresee, make, stored, close };

  async function make(name: string, terms: Terms, tags: readonly string[]): Promise<ImageId> {
    const { key } = await planning.keyed(name);
    const { image, known, remember } = await assembled(name, terms);
    tellBegun(name);
    const layers = { key, layers: image.layers };
    let handedOver = (): void => undefined;
    const handing = new Promise<void>((resolve) => (handedOver = resolve));
    // While the engine works on the load, whose outcome they don't depend on.
    const recordAll = async () => {
      await handing;
      await Promise.all([writeAssembled(store, key, { image, ids: [] }), recordBuild(store, planning, name), rememberLayers(store, name, layers), remember()]);
    };
    const [sent, remembered] = await Promise.allSettled([
      queue.load({ config: image.bytes, layers: image.layers, tags, known, ...(image.base === undefined ? {} : { base: image.base }) }, handedOver),
      recordAll(),
    ]);
    await preloads.clear(name);
    if (sent.status === 'rejected') throw sent.reason;
    if (remembered.status === 'rejected') throw remembered.reason;
    const id = sent.value;
    if (id !== configId(image)) await writeAssembled(store, key, { image, ids: [id] });
    return id;
  }

  /** Once; of what was only foreseen when it is needed. */
  function tellBegun(name: string): void {
    if (!begun.has(name)) emit({ type: 'image', name, state: 'started' });
    begun.add(name);
  }

  async function stored(name: string): Promise<AssembledImage | undefined> {
    const { key } = await planning.keyed(name);
    return (await readAssembled(store, key))?.image;
  }

  function assembled(name: string, terms: Terms): Promise<Made> {
    const running = made.get(name);
    if (running !== undefined) return running;
    const started = assemble(name, terms);
    started.catch(() => {
      // Later it may be the engine's to build.
      if (terms.foreseen === true) made.delete(name);
      return preloads.end(name);
    });
    made.set(name, started);
    return started;
  }

  async function assemble(name: string, terms: Terms): Promise<Made> {
    const { node, key } = await planning.keyed(name);
    const artifacts = artifactsOf(node);
    artifacts.catch(() => undefined);
    const anew = terms.anew?.has(name) === true;
    const stage = memoised(async (index: string) => {
      await sources.stagesNeeds(node, terms);
      return buildStage(node, Number(index), { artifacts: await artifacts, anew });
    });
    const { parent, known } = await parentOf(node, { terms, stage });
    trees.add(parent.tree);
    preloads.begin(node, { parent, known });
    // Before anything waits for this image: these may have to be loaded first.
    const copied = await sources.imagesOf(node, terms);
    const { uses } = targetOf(node);
    const stages = new Map(await Promise.all(uses.map(async (index) => [index, await stage(String(index))] as const)));
    const ready = await artifacts;
    await preloads.end(name);
    return queue.expecting(() => limit(async () => {
      if (terms.foreseen !== true) tellBegun(name);
      const earlier = await readEarlierImages(store, name);
      const before = dependencies.canonical === true || anew ? undefined : (await readAssembled(store, key))?.image;
      const context = await contextInputs(name, ready);
      const fresh = await withinLimit(node, dependencies.canonical === true, async (canonical) => assembleImage(node, {
        parent,
        context,
        store,
        from: async (source) => sources.openFiles(typeof source === 'number' ? stages.get(source)! : copied.get(source) ?? source),
        labels: await labelsOf(name),
        created: (await origin()).committedAt ?? NO_TIME,
        earlier: canonical ? [] : [...(before === undefined ? [] : [before.config.rootfs.diff_ids]), ...earlier.map(({ diffIds }) => diffIds)],
        canonical: canonical || dependencies.released === true,
        artifactLayers: (artifact, content, below) => layersOf({ name: artifact, artifact: content, node, below, canonical }),
      }));
      await Promise.all([...trees].map((tree) => tree.save()));
      // The same image again, for an engine that has lost it or another one: it keeps what its labels said, and its layers.
      const same = before !== undefined && isInPlaceOf(before, fresh.image, parent.layers.length) ? before : undefined;
      const made = same === undefined ? fresh : { ...fresh, image: same };
      return { ...made, known: await knownLayers(made.image.layers, known, { earlier, node, terms }) };
    }).catch((error: unknown) => rethrowNamed(error, name)));
  }

  /** What `knownLayers` will most likely ask: an answer takes some engines 40 ms. */
  async function askEarly({ spec: { name, repository } }: ImageNode, { presence }: Terms): Promise<void> {
    const [last] = await readEarlierImages(store, name);
    if (last !== undefined) await presence?.find(repository, last.key);
  }

  /** Of the lowest layers, how many the engine has: those of what it stands on, or of an earlier image. */
  async function knownLayers(layers: readonly Layer[], atLeast: number, { earlier, node, terms }: { readonly earlier: readonly EarlierImage[]; readonly node: ImageNode; readonly terms: Terms }): Promise<number> {
    const candidates = earlier.map((image) => ({ key: image.key, common: commonLayers(layers, image) })).filter(({ common }) => common > atLeast);
    for (const { key, common } of candidates.sort((a, b) => b.common - a.common)) {
      if ((await terms.presence?.find(node.spec.repository, key)) !== undefined) return common;
    }
    return atLeast;
  }

  async function layersOf({ name, artifact, node, below, canonical }: Unpacked): Promise<readonly Layer[]> {
    const { artifactLayers } = await import('../layers/artifact-layers.js');
    const above = await foldersAbove(artifact.prefix, below, node);
    const { layers } = await artifactLayers({ key: await dependencies.artifactKey(name), name, artifact, above }, { store, canonical });
    return layers;
  }

  async function parentOf(node: ImageNode, { terms, stage }: Origins): Promise<Standing> {
    const { base } = targetOf(node);
    if (base.kind === 'scratch') return { parent: scratchParent(node.platform, store), known: 0 };
    if (base.kind === 'stage') return sources.fromEngine(await stage(String(base.index)));
    const edge = edgeOf(node);
    if (edge === undefined) return sources.fromEngine(base.reference);
    const { node: parentNode, key } = await planning.keyed(edge.to);
    const found = await present(parentNode, key, terms);
    if (found !== undefined) {
      askEarly(node, terms).catch(() => undefined);
      return sources.fromPresent(key, found);
    }
    if (dependencies.engineBuild === true || whyNotDirect(parentNode) !== undefined) return sources.fromEngine(await sources.builtByEngine(edge.to, terms));
    try {
      const { image, tree, known } = await assembled(edge.to, terms);
      return { parent: assembledParent(image, store, async () => tree), known };
    } catch (error) {
      if (error instanceof NotThin && terms.foreseen !== true) return sources.fromEngine(await sources.builtByEngine(edge.to, terms));
      // A parent's failure is told once, at the parent.
      throw error instanceof Failed ? new Skipped(`${edge.to} could not be built`, { cause: error }) : error;
    }
  }

  function foresee(node: ImageNode, known: () => Promise<ForeseenTerms>): void {
    if (dependencies.engineBuild === true || whyNotDirect(node) !== undefined) return;
    const ground = async () => {
      const terms = { ...(await known()), foreseen: true };
      const stage = (): Promise<never> => Promise.reject(new Error('a stage is built when keys are there'));
      return (await standsOnOurs(node, terms)) ? await parentOf(node, { terms, stage }) : undefined;
    };
    preloads.foresee(node, () => {
      const asked = ground();
      foreseen.push(asked.catch(() => undefined));
      return asked;
    });
  }

  /** True if all that it is FROM is there, or is made of files alone. */
  async function standsOnOurs(node: ImageNode, terms: ForeseenTerms): Promise<boolean> {
    if (targetOf(node).base.kind === 'stage') return false;
    const edge = edgeOf(node);
    if (edge === undefined) return true;
    const { node: parent, key } = await planning.keyed(edge.to);
    if ((await terms.presence.find(parent.spec.repository, key)) !== undefined) return true;
    const { uses, references } = targetOf(parent);
    const needsMore = terms.within?.has(edge.to) === false || uses.length > 0 || references.length > 0 || parent.spec.artifacts.length > 0;
    return !needsMore && whyNotDirect(parent) === undefined && standsOnOurs(parent, terms);
  }

  async function close(): Promise<void> {
    await preloads.clearAll();
    // What was foreseen for nothing is still on its way, and may open and send more.
    await Promise.allSettled(foreseen);
    const ended = await Promise.allSettled(made.values());
    await preloads.clearAll();
    // Of parents that were loaded within their children only.
    await Promise.allSettled(ended.map(async (one) => (one.status === 'fulfilled' ? one.value.remember() : undefined)));
    await sources.close();
  }
}

/** What an image's first layers come from. */
interface Origins {
  readonly terms: Terms;
  /** Its own earlier stages, by index. */
  readonly stage: (index: string) => Promise<ImageId>;
}

interface Unpacked {
  readonly name: string;
  readonly artifact: Artifact;
  readonly node: ImageNode;
  /** What it is put on. */
  readonly below: Tree;
  readonly canonical: boolean;
}

/** What would have failed in a build is told as a failed build is. */
function rethrowNamed(error: unknown, name: string): never {
  if (!(error instanceof Failed) || !error.has('build')) throw error;
  throw new Failed(error.problems.map((problem) => (problem.reason === 'build' ? { ...problem, message: `image "${name}": ${problem.message}` } : problem)), { cause: error });
}

/**
 * True if an earlier image of the same key has what this one has: it stands on the same layers, its artifacts are laid the same
 * way, and nothing but copies lies otherwise.
 */
function isInPlaceOf(earlier: AssembledImage, image: AssembledImage, below: number): boolean {
  const rest = ({ layers }: AssembledImage): string => layers.filter(({ content }, index) => index < below || content.kind !== 'blob').map(({ diffId }) => diffId).join();
  const extended = ({ config }: AssembledImage): boolean => config.config.Labels?.[LABELS.extended] !== undefined;
  return rest(earlier) === rest(image) && (!extended(earlier) || extended(image));
}

/** Of images of no commit. */
const NO_TIME = '1980-01-01T00:00:00Z';

/** Why the engine has to build an image, in words; undefined if it need not. */
export function whyNotDirect({ resolved }: ImageNode): string | undefined {
  const found = whyNotThin(resolved);
  return found === undefined ? undefined : `${found.reason} (${formatPlace(found.place)})`;
}
