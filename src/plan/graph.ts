import { compare } from '../core/record.js';
import { findCycles } from '../util/cycles.js';

/** What each node needs. Needs that are not nodes themselves are outside the graph and count as there. */
export type Graph = ReadonlyMap<string, Iterable<string>>;

/** Either every node, or the cycles that make an order impossible (each from its first node along its needs). */
export type Levels = { readonly levels: readonly (readonly string[])[] } | { readonly cycles: readonly (readonly string[])[] };
export type Order = { readonly order: readonly string[] } | { readonly cycles: readonly (readonly string[])[] };

/**
 * Nodes by the length of their longest chain of needs: level 0 needs nothing, all of a level can be built at once when
 * the levels before are done. Sorted by code unit within a level, so the same graph always gives the same answer.
 */
export function topologicalLevels(graph: Graph): Levels {
  const waiting = new Map<string, number>();
  const dependents = new Map<string, string[]>([...graph.keys()].map((node) => [node, []]));
  for (const [node, needs] of graph) {
    const inside = new Set([...needs].filter((need) => graph.has(need)));
    waiting.set(node, inside.size);
    for (const need of inside) dependents.get(need)!.push(node);
  }
  const levels: string[][] = [];
  let level = [...waiting].filter(([, count]) => count === 0).map(([node]) => node);
  let placed = 0;
  while (level.length > 0) {
    level.sort(compare);
    levels.push(level);
    placed += level.length;
    level = level.flatMap((node) => dependents.get(node)!).filter((node) => {
      const left = waiting.get(node)! - 1;
      waiting.set(node, left);
      return left === 0;
    });
  }
  return placed === graph.size ? { levels } : { cycles: findCycles(sorted(graph)) };
}

/** All nodes, each after what it needs; level by level. */
export function topologicalOrder(graph: Graph): Order {
  const result = topologicalLevels(graph);
  return 'levels' in result ? { order: result.levels.flat() } : result;
}

/** The given nodes and everything that they need, directly or not; in no set order. */
export function withNeeds(graph: Graph, nodes: Iterable<string>): Set<string> {
  const reached = new Set<string>();
  const open = [...nodes];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (reached.has(node) || !graph.has(node)) continue;
    reached.add(node);
    open.push(...graph.get(node)!);
  }
  return reached;
}

/** The given nodes and everything that needs them, directly or not; in no set order. */
export function withDependents(graph: Graph, nodes: Iterable<string>): Set<string> {
  const dependents = new Map<string, string[]>([...graph.keys()].map((node) => [node, []]));
  for (const [node, needs] of graph) for (const need of needs) dependents.get(need)?.push(node);
  return withNeeds(dependents, nodes);
}

/** By code unit, so that cycles too are found in an order of their own and not in the file's. */
function sorted(graph: Graph): Map<string, string[]> {
  return new Map([...graph.keys()].sort(compare).map((node) => [node, [...graph.get(node)!].sort(compare)]));
}
