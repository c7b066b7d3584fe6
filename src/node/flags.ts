import { isOptional, isPeer, type Edge, type Tree, type TreeNode } from './tree.js';

/**
 * Why a package is in the tree: `dev` and `optional` hold when every way to it goes through such a dependency,
 * `devOptional` when every way is one or the other. The lock has them; they are computed anew, as npm does, when the
 * project's package.json asks for other things than when the lock was written.
 */
export function recomputeFlags(tree: Tree): void {
  for (const node of tree.nodes.values()) {
    const own = node === tree.root ? false : true;
    node.flags = { dev: own, optional: own, devOptional: own, peer: own, extraneous: own };
  }
  const seen = new Set<TreeNode>();
  const queue: TreeNode[] = [tree.root];
  for (let node = queue.pop(); node; node = queue.pop()) {
    seen.add(node);
    if (!node.flags.extraneous) {
      for (let outer = node.outer; outer?.flags.extraneous; outer = outer.outer) outer.flags.extraneous = false;
    }
    if (node.target) {
      const changed = lower(node, node.target);
      if (changed || !seen.has(node.target)) queue.push(node.target);
      continue;
    }
    for (const edge of node.edges.values()) if (edge.to && relax(node, edge.to, edge)) queue.push(edge.to);
  }
  for (const { flags } of seen) {
    if (flags.devOptional && (flags.dev || flags.optional)) flags.devOptional = false;
  }
}

function lower(link: TreeNode, target: TreeNode): boolean {
  let changed = false;
  for (const flag of ['dev', 'optional', 'devOptional', 'peer', 'extraneous'] as const) {
    if (!target.flags[flag] || link.flags[flag]) continue;
    target.flags[flag] = false;
    changed = true;
  }
  return changed;
}

function relax(from: TreeNode, to: TreeNode, edge: Edge): boolean {
  const dev = edge.type === 'dev';
  const optional = isOptional(edge);
  const peer = isPeer(edge);
  const before = { ...to.flags };
  const { flags } = to;
  if (!from.flags.extraneous && !(peer && optional)) flags.extraneous = false;
  if (!from.flags.dev && !dev) flags.dev = false;
  if (!from.flags.optional && !optional) flags.optional = false;
  if (!from.flags.devOptional && !from.flags.dev && !from.flags.optional && !dev && !optional) flags.devOptional = false;
  if (!from.flags.peer && !peer) flags.peer = false;
  return before.dev !== flags.dev || before.optional !== flags.optional || before.devOptional !== flags.devOptional
    || before.peer !== flags.peer || before.extraneous !== flags.extraneous;
}
