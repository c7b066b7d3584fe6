/**
 * The cycles of a directed graph, one for each group of nodes that reach each other, in the order in which the
 * graph's keys meet them. A cycle is listed from its first node along the edges, without repeating that node;
 * a node with an edge to itself is a cycle of one. Edges to unknown nodes are ignored.
 */
export function findCycles<Node>(graph: ReadonlyMap<Node, Iterable<Node>>): Node[][] {
  const state = new Map<Node, 'open' | 'done'>();
  const inCycle = new Set<Node>();
  const cycles: Node[][] = [];
  for (const start of graph.keys()) visit(start);
  return cycles;

  // An explicit stack: a graph of many thousand levels must not exhaust the call stack.
  function visit(start: Node): void {
    if (state.has(start)) return;
    const path: { node: Node; edges: Iterator<Node> }[] = [];
    enter(start);
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const next = top.edges.next();
      if (next.done) {
        state.set(top.node, 'done');
        path.pop();
      } else if (state.get(next.value) === 'open') {
        const from = path.findIndex((step) => step.node === next.value);
        const cycle = path.slice(from).map((step) => step.node);
        if (!cycle.some((node) => inCycle.has(node))) cycles.push(cycle);
        for (const node of cycle) inCycle.add(node);
      } else if (graph.has(next.value) && !state.has(next.value)) {
        enter(next.value);
      }
    }

    function enter(node: Node): void {
      state.set(node, 'open');
      path.push({ node, edges: (graph.get(node) ?? [])[Symbol.iterator]() });
    }
  }
}
