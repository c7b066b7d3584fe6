import type { Problem } from '../core/failure.js';
import type { Placed } from '../core/place.js';
import { findCycles } from '../util/cycles.js';
import type { Project } from './project.js';

/**
 * Cycles through needs (artifact → artifact), builders (artifact → image) and contents (image → artifact). What a
 * Dockerfile's FROM adds to the graph is not known here.
 */
export function cycleProblems(project: Project): Problem[] {
  const graph = new Map<string, string[]>();
  const edges = new Map<string, Placed<string>>();
  const connect = (from: string, to: string, name: Placed<string>): void => {
    graph.get(from)!.push(to);
    edges.set(`${from} ${to}`, name);
  };
  for (const artifact of project.artifacts.values()) {
    const node = `artifact ${artifact.name}`;
    graph.set(node, []);
    if (project.images.has(artifact.builder.value)) connect(node, `image ${artifact.builder.value}`, artifact.builder);
    for (const need of artifact.kind === 'command' ? artifact.needs : []) connect(node, `artifact ${need.value}`, need);
  }
  for (const image of project.images.values()) {
    const node = `image ${image.name}`;
    graph.set(node, []);
    for (const artifact of image.artifacts) connect(node, `artifact ${artifact.value}`, artifact);
  }
  return findCycles(graph).map((cycle) => {
    const first = cycle[0]!;
    const place = edges.get(`${first} ${cycle[1] ?? first}`)!.place;
    const back = { message: 'and back here', place: edges.get(`${cycle.at(-1)!} ${first}`)!.place };
    const [, kind] = /^(\w+) /.exec(first)!;
    const advice = cycle.length === 1 ? 'Remove it from its own `needs`' : 'Break the cycle: something must be built first';
    const message = cycle.length === 1 ? `${first} needs itself` : `${kind}s need each other in a cycle: ${[...cycle, first].join(' → ')}`;
    return { reason: 'config', message, place, advice, ...(cycle.length > 1 ? { related: back } : {}) };
  });
}
