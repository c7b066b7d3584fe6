import type { Project } from '../config/project.js';
import { Failed, type Problem } from '../core/failure.js';
import type { Place } from '../core/place.js';
import { compare } from '../core/record.js';
import { findCycles } from '../util/cycles.js';
import { memoised } from '../util/memo.js';
import { imageNamed, specNamed } from './names.js';
import { finalBase, readNode, type ImageNode } from './node.js';

/** The images of a project, read when they are first needed. */
export interface ImageGraph {
  /** An image whose whole ancestry, builders of its artifacts included, has been read and has no cycle. */
  node(name: string): Promise<ImageNode>;
  /** The images and all that they are built FROM, parents first. */
  withParents(names: readonly string[]): Promise<readonly ImageNode[]>;
}

/** Why one node needs another. */
interface Need {
  readonly to: string;
  readonly place: Place;
}

export function createGraph(project: Project, platform: string): ImageGraph {
  const read = memoised((name: string) => readNode(project, specNamed(project, name), platform));
  const checked = memoised(async (name: string) => checkAncestry(name));
  return { node, withParents };

  async function node(name: string): Promise<ImageNode> {
    await checked(name);
    return read(name);
  }

  async function withParents(names: readonly string[]): Promise<readonly ImageNode[]> {
    const problems: Problem[] = [];
    for (const name of names) {
      try {
        await checked(name);
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        problems.push(...error.problems.filter((problem) => !problems.some((known) => sameProblem(known, problem))));
      }
    }
    if (problems.length > 0) throw new Failed(problems);
    const ordered = new Map<string, ImageNode>();
    for (const name of names) await visit(name, ordered);
    return [...ordered.values()];
  }

  async function visit(name: string, ordered: Map<string, ImageNode>): Promise<void> {
    if (ordered.has(name)) return;
    const found = await read(name);
    for (const { to } of found.edges) await visit(to, ordered);
    ordered.set(name, found);
  }

  /** Reads everything that the image needs, collecting problems, and looks for cycles through images and artifacts. */
  async function checkAncestry(start: string): Promise<void> {
    const needs = new Map<string, Need[]>();
    const problems: Problem[] = [];
    const open = [`image ${start}`];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (needs.has(id)) continue;
      try {
        needs.set(id, id.startsWith('image ') ? await imageNeeds(id.slice('image '.length)) : artifactNeeds(id.slice('artifact '.length)));
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        problems.push(...error.problems);
        needs.set(id, []);
      }
      open.push(...needs.get(id)!.map(({ to }) => to));
    }
    problems.push(...cycleProblems(needs));
    if (problems.length > 0) throw new Failed(problems);
    const images = [...needs.keys()].filter((id) => id.startsWith('image ')).map((id) => id.slice('image '.length));
    const shipped = (await Promise.all(images.map(shippedBuilder))).filter((problem) => problem !== undefined);
    if (shipped.length > 0) throw new Failed(shipped);
  }

  /** An image that is built FROM its builder after all, directly or not: the compilers would be in it. */
  async function shippedBuilder(name: string): Promise<Problem | undefined> {
    const { builder } = (await read(name)).spec;
    let first: Place | undefined;
    for (let at: string | undefined = name; at !== undefined && builder !== undefined; ) {
      const { edges, resolved }: ImageNode = await read(at);
      const base = finalBase(resolved);
      first ??= base?.place;
      at = edges.find(({ use }) => use === base)?.to;
      if (at !== builder.value) continue;
      return {
        reason: 'dockerfile',
        message: `the image "${name}" is built FROM its builder ${builder.value}, so everything of that would be in it`,
        place: first!,
        related: { message: `${builder.value} is named as its builder here`, place: builder.place },
        advice: 'start it from another image, and copy from `builder` what was built there',
      };
    }
    return undefined;
  }

  async function imageNeeds(name: string): Promise<Need[]> {
    const { edges, spec } = await read(name);
    return [
      ...edges.map(({ to, use }) => ({ to: `image ${to}`, place: use.place })),
      ...spec.artifacts.map(({ value, place }) => ({ to: `artifact ${value}`, place })),
    ];
  }

  function artifactNeeds(name: string): Need[] {
    const spec = project.artifacts.get(name);
    if (spec === undefined) return [];
    const builder = imageNamed(project, spec.builder.value);
    const needed = spec.kind === 'command' ? spec.needs : [];
    return [
      ...(builder === undefined ? [] : [{ to: `image ${builder}`, place: spec.builder.place }]),
      ...needed.map(({ value, place }) => ({ to: `artifact ${value}`, place })),
    ];
  }
}

function cycleProblems(needs: ReadonlyMap<string, readonly Need[]>): Problem[] {
  const cycles = findCycles(new Map([...needs].map(([id, list]) => [id, list.map(({ to }) => to)])));
  return cycles.map(fromFirst).map((cycle): Problem => {
    const places = cycle.map((id, index) => needs.get(id)!.find(({ to }) => to === cycle[(index + 1) % cycle.length])!.place);
    const names = [...cycle, cycle[0]!].map((id) => id.replace(/^image /, '')).join(' → ');
    return {
      reason: 'dockerfile',
      message: `images that need each other: ${names}`,
      place: places[0]!,
      ...(places.length > 1 ? { related: { message: 'and back from here', place: places.at(-1)! } } : {}),
      advice: 'an image can be built only from images that do not need it',
    };
  });
}

/** The same cycle, whichever of its images it was found from. */
function fromFirst(cycle: readonly string[]): readonly string[] {
  const first = cycle.indexOf([...cycle].sort(compare)[0]!);
  return [...cycle.slice(first), ...cycle.slice(0, first)];
}

function sameProblem(a: Problem, b: Problem): boolean {
  return a.message === b.message && a.place?.file === b.place?.file && a.place?.line === b.place?.line;
}
