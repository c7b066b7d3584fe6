import { Failed, type Problem } from '../core/failure.js';
import { entryPlace, type Lock } from './lock.js';
import { engineMismatch, platformMismatch, type Platform } from './platform.js';
import { isOptional, type Edge, type Tree, type TreeNode } from './tree.js';

export interface SelectOptions {
  readonly omit: ReadonlySet<string>;
  readonly engineStrict: boolean;
  readonly platform: Platform;
}

export interface Selection {
  /** What is installed, in the lock's order, without the project and folders of its own (workspaces, link targets). */
  readonly installed: readonly TreeNode[];
  /** Nodes that npm's hidden lock lists: what is installed and the folders that links point to. */
  readonly listed: readonly TreeNode[];
  /** What `omit` alone left out. */
  readonly omitted: readonly TreeNode[];
  readonly warnings: readonly Problem[];
}

/**
 * Which nodes `npm ci` installs: all but what is omitted, what is optional and does not fit the platform (with what
 * only it needs), and what lies inside of those. Fails for required packages that don't fit, as npm's EBADPLATFORM
 * and, under engine-strict, EBADENGINE. Marks what is left out as inert.
 */
export function select(tree: Tree, lock: Lock, options: SelectOptions): Selection {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const node of tree.nodes.values()) {
    if (node.entry.link) continue;
    const engine = node === tree.root && (tree.root.manifest as { devEngines?: unknown }).devEngines ? undefined : engineMismatch(node.manifest, options.platform);
    const platform = platformMismatch(node.manifest, options.platform);
    if (!engine && !platform) continue;
    if (node.flags.optional) {
      if (!node.inert) markInert(node);
    } else if (!omitted(node, options.omit)) {
      if (engine) (options.engineStrict ? problems : warnings).push(engineProblem(lock, node, engine, options.engineStrict));
      if (platform) problems.push(platformProblem(lock, node, platform));
    }
  }
  if (problems.length > 0) throw new Failed(problems);
  const omits = [...tree.nodes.values()].filter((node) => node !== tree.root && !node.inert && omitted(node, options.omit));
  for (const node of omits) node.inert = true;
  return { ...reachable(tree), omitted: omits, warnings };
}

/**
 * Marks nodes that turned out not to fit the platform after `select`. The tree is as if the lock had said it: npm looks at
 * platforms before it omits, so what is omitted still counts among those who need a package.
 */
export function markUnfit(nodes: readonly TreeNode[], { omitted: omits }: Selection): void {
  for (const node of omits) node.inert = false;
  for (const node of nodes) if (!node.inert) markInert(node);
  for (const node of omits) node.inert = true;
}

/** Marks an optional node and all that only it needs; used as well for one whose install script failed. */
export function markInert(node: TreeNode): void {
  for (const each of optionalSet(node)) each.inert = true;
}

/** What is there when inert nodes, and all that lies inside of them, are not. */
export function reachable(tree: Tree): { readonly installed: readonly TreeNode[]; readonly listed: readonly TreeNode[] } {
  const listed = [...tree.nodes.values()].filter((node) => node !== tree.root && present(node));
  return { installed: listed.filter((node) => node.parent !== undefined), listed };
}

function present(node: TreeNode): boolean {
  for (let each: TreeNode | undefined = node; each; each = each.parent) if (each.inert) return false;
  return true;
}

/** Only below the project and its workspaces is anything left out by kind; other link targets keep all they have. */
function omitted(node: TreeNode, omit: ReadonlySet<string>): boolean {
  if (omit.size === 0) return false;
  let top = node;
  while (top.parent) top = top.parent;
  if (top.location !== '' && !isWorkspace(top)) return false;
  const { dev, optional, devOptional, peer } = node.flags;
  return (peer && omit.has('peer')) || (dev && omit.has('dev')) || (optional && omit.has('optional'))
    || (devOptional && omit.has('dev') && omit.has('optional'));
}

function isWorkspace(top: TreeNode): boolean {
  let root: TreeNode = top;
  while (root.outer) root = root.outer;
  for (const edge of root.edges.values()) if (edge.type === 'workspace' && edge.to?.target === top) return true;
  return false;
}

/**
 * The branch that goes when an optional node can't be installed: up to the optional dependencies through which it is
 * reached, and down to everything that nothing else needs.
 */
function optionalSet(node: TreeNode): ReadonlySet<TreeNode> {
  const up = new Set([node]);
  for (const each of up) for (const edge of each.incoming) if (!isOptional(edge)) up.add(edge.from);
  const counts = (edge: Edge): boolean => !up.has(edge.to as TreeNode) && !edge.from.inert;
  const set = new Set(up);
  for (const each of set) for (const edge of each.edges.values()) if (edge.to && counts(edge)) set.add(edge.to);
  for (let changed = true; changed; ) {
    changed = false;
    for (const each of set) {
      if (!each.incoming.some((edge) => !set.has(edge.from) && counts(edge))) continue;
      set.delete(each);
      changed = true;
    }
  }
  return set;
}

export function packageName(node: TreeNode): string {
  return node.entry.name ?? node.manifest.name ?? node.name;
}

/** `lodash 4.17.21`, for people. */
export function title(node: TreeNode): string {
  const { version } = node.manifest;
  return version === undefined ? packageName(node) : `${packageName(node)} ${version}`;
}

function engineProblem(lock: Lock, node: TreeNode, mismatch: string, strict: boolean): Problem {
  return {
    reason: 'unsupported',
    message: `${title(node)} needs ${mismatch}`,
    place: entryPlace(lock, node.location, 'engines'),
    advice: strict
      ? 'Use a builder with that version, or switch engine-strict off (engineStrict of the artifact, or .npmrc)'
      : 'It may still work; engine-strict makes this an error',
  };
}

function platformProblem(lock: Lock, node: TreeNode, mismatch: string): Problem {
  return {
    reason: 'unsupported',
    message: `${title(node)} needs ${mismatch}, and it is not optional`,
    place: entryPlace(lock, node.location),
    advice: 'Make it an optional dependency, or use a builder of that platform',
  };
}
