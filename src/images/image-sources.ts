import type { SourceFiles } from '../assemble/assemble.js';
import type { Tree } from '../assemble/tree.js';
import { Failed } from '../core/failure.js';
import type { ImageId, ImageKey } from '../core/identity.js';
import { configId, readAssembled } from './assembled-image.js';
import { assembledParent, engineParent, type KnownParent } from './assembled-parent.js';
import { targetOf, type ImageNode } from './node.js';
import type { ImageResult, PlannerDependencies } from './planner.js';
import type { PresentImage } from './presence.js';
import { Skipped, type Terms } from './terms.js';

export interface ImageSourcesParts {
  readonly dependencies: PlannerDependencies;
  /** Makes an image exist in the engine. */
  readonly ensure: (name: string, terms: Terms) => Promise<Pick<ImageResult, 'id'>>;
}

/** A parent, and how many of its layers the engine surely has. */
export interface Standing {
  readonly parent: KnownParent;
  readonly known: number;
}

/** What an image that is assembled here takes from images that the engine has. */
export interface ImageSources {
  /** The project's images that it copies from, made to exist; by reference. */
  imagesOf(node: ImageNode, terms: Terms): Promise<ReadonlyMap<string, string>>;
  /** Earlier stages are built by the engine, which must have what they are FROM. */
  stagesNeeds(node: ImageNode, terms: Terms): Promise<void>;
  builtByEngine(name: string, terms: Terms): Promise<ImageId>;
  openFiles(image: string): Promise<SourceFiles>;
  /** An image of ours that the engine has, as the store knows it if it does. */
  fromPresent(key: ImageKey, image: PresentImage): Promise<Standing>;
  fromEngine(reference: string): Promise<Standing>;
  close(): Promise<void>;
}

export function createImageSources({ dependencies, ensure }: ImageSourcesParts): ImageSources {
  const { engine, store } = dependencies;
  const opened: { close(): Promise<void> }[] = [];
  return { imagesOf, stagesNeeds, builtByEngine, openFiles, fromPresent, fromEngine, close };

  async function imagesOf(node: ImageNode, terms: Terms): Promise<ReadonlyMap<string, string>> {
    const { references } = targetOf(node);
    const used = node.edges.filter(({ use }) => references.some(({ reference }) => reference === use.reference));
    return new Map(await Promise.all(used.map(async ({ to, use }) => [use.reference, await builtByEngine(to, terms)] as const)));
  }

  async function stagesNeeds({ resolved: { stages, target }, edges }: ImageNode, terms: Terms): Promise<void> {
    const earlier = stages.filter(({ reachable }, index) => reachable && index !== target);
    const uses = earlier.flatMap(({ base, references }) => [...(base.kind === 'image' ? [base.reference] : []), ...references.map(({ reference }) => reference)]);
    await Promise.all(edges.filter(({ use }) => uses.includes(use.reference)).map(({ to }) => builtByEngine(to, terms)));
  }

  async function openFiles(image: string): Promise<SourceFiles> {
    const { engineFiles } = await import('../assemble/engine-files.js');
    const files = engineFiles(engine, image, { labels: (await dependencies.containerLabels?.()) ?? {} });
    opened.push(files);
    return files;
  }

  async function builtByEngine(parent: string, terms: Terms): Promise<ImageId> {
    try {
      return (await ensure(parent, terms)).id;
    } catch (error) {
      throw error instanceof Failed ? new Skipped(`${parent} could not be built`, { cause: error }) : error;
    }
  }

  async function fromPresent(key: ImageKey, { id }: PresentImage): Promise<Standing> {
    const record = await readAssembled(store, key);
    if (record === undefined || !(record.ids.includes(id) || configId(record.image) === id)) return fromEngine(id);
    return { parent: assembledParent(record.image, store, () => openTree(id)), known: record.image.layers.length };
  }

  async function fromEngine(reference: string): Promise<Standing> {
    const parent = await engineParent(reference, { engine, store, open: openTree });
    return { parent, known: parent.layers.length };
  }

  async function openTree(image: ImageId): Promise<Tree> {
    const { engineTree } = await import('../assemble/engine-tree.js');
    const tree = engineTree(engine, image, { labels: (await dependencies.containerLabels?.()) ?? {} });
    opened.push(tree);
    return tree;
  }

  async function close(): Promise<void> {
    await Promise.all(opened.splice(0).map((one) => one.close()));
  }
}
