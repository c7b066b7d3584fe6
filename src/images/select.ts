import type { Project } from '../config/project.js';
import { fail } from '../core/failure.js';
import { topologicalOrder, withDependents, withNeeds, type Graph } from '../plan/graph.js';
import { imagesMeant } from './name-patterns.js';
import { selectedImages } from './names.js';

/** Which images are asked for, as words of the command line. */
export interface SelectionRequest {
  /** These, and what they are built FROM as far as that has to be built. */
  readonly names?: readonly string[];
  /** These and all that they are built FROM. */
  readonly upto?: readonly string[];
  /** These, all that they are built FROM, and all that is built FROM them. */
  readonly dependents?: readonly string[];
  /** Only these. */
  readonly exact?: readonly string[];
  /** Neither these nor what is built FROM them. */
  readonly exclude?: readonly string[];
  /** Short name → who else asks for it, such as a service of a compose file; selected as `names` are. */
  readonly askedBy?: ReadonlyMap<string, string>;
}

export interface SelectedImage {
  readonly name: string;
  /** In words: `asked for`, `web is built from it`. */
  readonly reason: string;
  /** False: only there for others, built if one of them has to be. */
  readonly wanted: boolean;
}

/** A request whose names are short names that exist. */
export interface Selector {
  readonly named: ReadonlyMap<string, string>;
  readonly upto: readonly string[];
  readonly dependents: readonly string[];
  readonly exact: readonly string[];
  readonly exclude: readonly string[];
  /** Nothing is asked for by name. */
  readonly everything: boolean;
}

/** Resolves names and patterns. Fails `usage`, with the nearest name, for what no image is called. */
export function parseSelection(project: Project, request: SelectionRequest): Selector {
  const { names = [], upto = [], dependents = [], exact = [], exclude = [], askedBy } = request;
  // All at once first, so that every unknown name is told of.
  imagesMeant(project, [...names, ...upto, ...dependents, ...exact, ...exclude]);
  return {
    named: new Map([...(askedBy ?? []), ...imagesMeant(project, names).map((name) => [name, 'asked for'] as const)]),
    upto: imagesMeant(project, upto),
    dependents: imagesMeant(project, dependents),
    exact: imagesMeant(project, exact),
    exclude: imagesMeant(project, exclude),
    everything: askedBy === undefined && [names, upto, dependents, exact].every((list) => list.length === 0),
  };
}

/** The images whose Dockerfiles must be read to know the selection: a mistake in another one then does no harm. */
export function imagesToRead(project: Project, { named, upto, dependents, exact, exclude, everything }: Selector): readonly string[] {
  const whole = dependents.length > 0 || exclude.length > 0;
  if (whole) return [...project.images.keys()];
  return everything ? selectedImages(project, undefined) : [...new Set([...named.keys(), ...upto, ...exact])];
}

/**
 * The union of all that is asked for, else everything; then without what is excluded. Parents come first, and images that
 * could be built at the same time in the order of their names. `graph` has all images that were to be read, with their parents.
 */
export function selectImages(project: Project, selector: Selector, graph: Graph): readonly SelectedImage[] {
  const { named, upto, dependents, exact, exclude, everything } = selector;
  const found = new Map<string, SelectedImage>();
  const add = (name: string, reason: string, wanted = true): void => {
    const before = found.get(name);
    if (before === undefined || (wanted && !before.wanted)) found.set(name, { name, reason, wanted });
  };
  for (const name of exact) add(name, 'asked for alone');
  for (const [name, reason] of named) add(name, reason);
  for (const name of [...upto, ...dependents]) add(name, 'asked for');
  for (const name of dependents) for (const below of withDependents(graph, [name])) add(below, `is built from ${name}`);
  if (everything) for (const name of selectedImages(project, undefined)) add(name, 'all images');
  for (const name of [...upto, ...dependents]) for (const parent of withNeeds(graph, [name])) add(parent, `${name} is built from it`);
  const roots = [...named.keys(), ...(everything || dependents.length > 0 ? found.keys() : [])];
  for (const name of roots) for (const parent of withNeeds(graph, [name])) add(parent, `${name} is built from it`, false);
  for (const name of withDependents(graph, exclude)) found.delete(name);
  if (found.size === 0 && exclude.length > 0) fail({ reason: 'usage', message: 'no image is left after --exclude', advice: 'exclude less: what is built from an excluded image is excluded too' });
  return inOrder([...found.values()], graph);
}

/** Of a selection only what has changed (short name → why) and, where that has to be built, what it is built FROM. */
export function onlyChanged(selection: readonly SelectedImage[], changed: ReadonlyMap<string, string>, graph: Graph): readonly SelectedImage[] {
  const wanted = selection.filter(({ name }) => changed.has(name)).map((image) => ({ ...image, reason: changed.get(image.name) as string }));
  const parents = new Map<string, SelectedImage>();
  for (const { name } of wanted) {
    for (const parent of withNeeds(graph, [name])) {
      if (!parents.has(parent)) parents.set(parent, { name: parent, reason: `${name} is built from it`, wanted: false });
    }
  }
  const known = new Set(selection.map(({ name }) => name));
  const all = new Map([...[...parents].filter(([name]) => known.has(name)), ...wanted.map((image) => [image.name, image] as const)]);
  return inOrder([...all.values()], graph);
}

function inOrder(images: readonly SelectedImage[], graph: Graph): readonly SelectedImage[] {
  const sorted = topologicalOrder(graph);
  // Cycles were refused when the graph was read.
  if (!('order' in sorted)) throw new Error('the graph of images has a cycle');
  const position = new Map(sorted.order.map((name, index) => [name, index]));
  return [...images].sort((a, b) => position.get(a.name)! - position.get(b.name)!);
}
