import type { Lock, LockEntry } from './lock.js';
import type { Manifest, PackageJson } from './manifest.js';

/**
 * The tree that a lock describes, as npm's arborist sees it: every folder is a node, every dependency an edge that is
 * resolved by Node's own rule (nearest `node_modules` upwards).
 *
 *     ''                               the project
 *     ├─ node_modules/a                child of ''
 *     │  └─ node_modules/a/node_modules/b
 *     ├─ node_modules/ui → packages/ui link
 *     └─ packages/ui                   top inside the project: looks further in '' (`outer`)
 *        └─ packages/ui/node_modules/b
 */
export interface TreeNode {
  readonly location: string;
  /** Name of its folder: `b`, `@scope/b`. */
  readonly name: string;
  /** From the lock; for the project and for targets of links from their package.json where there is one. */
  readonly manifest: Manifest;
  /** The entry itself; for the project too. */
  readonly entry: LockEntry;
  /** The package whose node_modules holds it; undefined for tops. */
  readonly parent: TreeNode | undefined;
  /** Where a name is looked up next when this folder's node_modules lacks it. */
  readonly outer: TreeNode | undefined;
  /** What it points to, for links. */
  target: TreeNode | undefined;
  readonly children: Map<string, TreeNode>;
  readonly edges: Map<string, Edge>;
  readonly incoming: Edge[];
  /** Flags as npm computes them: see flags.ts. */
  flags: Flags;
  /** Will not be installed. */
  inert: boolean;
}

export interface Edge {
  readonly from: TreeNode;
  readonly name: string;
  readonly spec: string;
  readonly type: EdgeType;
  to: TreeNode | undefined;
}

export type EdgeType = 'prod' | 'dev' | 'optional' | 'peer' | 'peerOptional' | 'workspace';

export interface Flags {
  dev: boolean;
  optional: boolean;
  devOptional: boolean;
  peer: boolean;
  extraneous: boolean;
}

export interface Tree {
  readonly root: TreeNode;
  /** By location, in the lock's order, the root first. */
  readonly nodes: ReadonlyMap<string, TreeNode>;
}

/** The package.json files of the project. */
export interface Manifests {
  readonly root: PackageJson;
  /** By folder, relative to the lock: targets of links. */
  readonly folders: ReadonlyMap<string, PackageJson>;
  /** Workspaces that the root's globs match: name → folder. */
  readonly workspaces: ReadonlyMap<string, string>;
}

export interface TreeOptions {
  /** npm's legacy-peer-deps: peer dependencies are not edges. */
  readonly legacyPeerDeps: boolean;
}

export function buildTree(lock: Lock, manifests: Manifests, options: TreeOptions): Tree {
  const nodes = new Map<string, TreeNode>();
  const locations = [...lock.packages.keys()].sort((a, b) => a.length - b.length);
  for (const location of locations) addNode(location);
  const root = nodes.get('') as TreeNode;
  const ordered = new Map<string, TreeNode>([['', root]]);
  for (const location of lock.packages.keys()) ordered.set(location, nodes.get(location) as TreeNode);
  for (const node of nodes.values()) if (node.entry.link) linkTo(node, nodes.get(node.entry.resolved as string) as TreeNode);
  for (const node of nodes.values()) if (!node.entry.link) addEdges(node, manifests, options);
  for (const node of nodes.values()) for (const edge of node.edges.values()) resolve(edge);
  return { root, nodes: ordered };

  /** Enclosing folders have shorter locations, so they are there before what lies in them. */
  function addNode(location: string): void {
    const entry = lock.packages.get(location) as LockEntry;
    const { name, holder } = placeOf(location);
    const parent = holder === undefined ? undefined : nodes.get(holder);
    const manifest = location === '' ? manifests.root : (manifests.folders.get(location) ?? entry);
    const node: TreeNode = {
      location, name, entry, manifest, parent,
      outer: parent ?? (location === '' ? undefined : enclosing(location, nodes)),
      target: undefined, children: new Map(), edges: new Map(), incoming: [],
      flags: flagsOf(location, entry), inert: false,
    };
    nodes.set(location, node);
    parent?.children.set(name, node);
  }
}

/** The lock keeps flags with the target only; a link has the same ones. */
function linkTo(node: TreeNode, target: TreeNode): void {
  node.target = target;
  node.flags = { ...target.flags };
}

/** The nearest package that holds this location, for what is not itself in a node_modules of one. */
function enclosing(location: string, nodes: ReadonlyMap<string, TreeNode>): TreeNode | undefined {
  if (location.startsWith('../')) return undefined;
  for (let end = location.lastIndexOf('/'); end !== -1; end = location.lastIndexOf('/', end - 1)) {
    const node = nodes.get(location.slice(0, end));
    if (node) return node;
  }
  return nodes.get('');
}

/** Folder name, and the location of the package whose node_modules it is in. */
export function placeOf(location: string): { readonly name: string; readonly holder: string | undefined } {
  const at = location.lastIndexOf('node_modules/');
  const name = location.slice(at + 'node_modules/'.length);
  const segments = name.split('/').length;
  if (at === -1 || segments > (name.startsWith('@') ? 2 : 1)) {
    return { name: /(?:@[^/]+\/)?[^/]*$/.exec(location)?.[0] ?? location, holder: undefined };
  }
  return { name, holder: at === 0 ? '' : location.slice(0, at - 1) };
}

/** `devOptional` is held as npm holds it while reading: true also for what is only dev or only optional. */
function flagsOf(location: string, entry: LockEntry): Flags {
  if (location === '') return { dev: false, optional: false, devOptional: false, peer: false, extraneous: false };
  return {
    dev: entry.dev ?? false,
    optional: entry.optional ?? false,
    devOptional: Boolean(entry.devOptional || entry.dev || entry.optional),
    peer: entry.peer ?? false,
    extraneous: entry.extraneous ?? false,
  };
}

/** In npm's order: a later kind of dependency replaces an earlier one of the same name, a workspace is never replaced. */
function addEdges(node: TreeNode, manifests: Manifests, options: TreeOptions): void {
  const { manifest } = node;
  if (node.location === '') {
    for (const [name, folder] of manifests.workspaces) add(name, `file:${folder}`, 'workspace');
  }
  if (!options.legacyPeerDeps) {
    const meta = manifest.peerDependenciesMeta ?? {};
    for (const name in manifest.peerDependencies) if (!meta[name]?.optional) add(name, manifest.peerDependencies[name] as string, 'peer');
    for (const name in manifest.peerDependencies) if (meta[name]?.optional) add(name, manifest.peerDependencies[name] as string, 'peerOptional');
  }
  for (const name in manifest.dependencies) add(name, manifest.dependencies[name] as string, 'prod');
  for (const name in manifest.optionalDependencies) add(name, manifest.optionalDependencies[name] as string, 'optional');
  if (!node.parent) for (const name in manifest.devDependencies) add(name, manifest.devDependencies[name] as string, 'dev');

  function add(name: string, spec: string, type: EdgeType): void {
    if (node.edges.get(name)?.type === 'workspace') return;
    node.edges.set(name, { from: node, name, spec, type, to: undefined });
  }
}

function resolve(edge: Edge): void {
  for (let node: TreeNode | undefined = edge.from; node; node = node.outer) {
    const found = node.children.get(edge.name);
    if (!found) continue;
    edge.to = found;
    found.incoming.push(edge);
    return;
  }
}

export function isOptional(edge: Edge): boolean {
  return edge.type === 'optional' || edge.type === 'peerOptional';
}

export function isPeer(edge: Edge): boolean {
  return edge.type === 'peer' || edge.type === 'peerOptional';
}
