import { evaluateMarker } from '../marker.js';
import { normalizeName } from '../name.js';
import type { Table } from './lock-text.js';
import { asList, asTable, asText, asTexts, complain, finish, markerOf, show } from './lock-text.js';
import type { Reading } from './reading.js';

/** A `[[package]]` of uv.lock. */
export interface UvNode {
  readonly index: number;
  readonly name: string;
  readonly version: string | undefined;
  readonly table: Table;
  readonly source: Table;
}

export interface UvGraph {
  readonly reading: Reading;
  readonly byName: ReadonlyMap<string, readonly UvNode[]>;
  /** What the selection starts from: the project, or all members of a workspace without one. */
  readonly roots: readonly UvNode[];
}

export interface UvSelection {
  /** Normalised. */
  readonly extras: readonly string[];
  readonly groups: readonly string[];
}

export interface UvReached {
  readonly nodes: readonly UvReachedNode[];
  /** What conflict markers name: `extra-<length>-<package>-<extra>`, `group-…`, `project-…`. */
  readonly active: ReadonlySet<string>;
}

export interface UvReachedNode {
  readonly node: UvNode;
  readonly extras: ReadonlySet<string>;
  readonly dependencies: ReadonlySet<string>;
}

export function uvGraph(reading: Reading): UvGraph {
  const nodes = asList(reading.lock.data['package']).map((value, index): UvNode => {
    const table = asTable(value);
    return { index, name: normalizeName(asText(table['name']) ?? ''), version: asText(table['version']), table, source: asTable(table['source']) };
  });
  const byName = new Map<string, UvNode[]>();
  for (const node of nodes) byName.set(node.name, [...(byName.get(node.name) ?? []), node]);
  const names = new Set(asTexts(manifestOf(reading)['members']).map(normalizeName));
  const members = nodes.filter((node) => isLocal(node) && names.has(node.name));
  const project = nodes.find((node) => localPath(node) === '.');
  return { reading, byName, roots: project === undefined ? members : [project] };
}

export function manifestOf({ lock }: Reading): Table {
  return asTable(lock.data['manifest']);
}

/** True for folders: members of the workspace and other source trees. */
export function isLocal(node: UvNode): boolean {
  return localPath(node) !== undefined;
}

function localPath({ source }: UvNode): string | undefined {
  return asText(source['virtual']) ?? asText(source['editable']) ?? asText(source['directory']);
}

export function extrasOf({ table }: UvNode): readonly string[] {
  return [...Object.keys(asTable(table['optional-dependencies'])), ...asTexts(asTable(table['metadata'])['provides-extras'])].map(normalizeName);
}

export function groupsOf({ table }: UvNode): readonly string[] {
  return [...Object.keys(asTable(table['dev-dependencies'])), ...Object.keys(asTable(asTable(table['metadata'])['requires-dev']))].map(normalizeName);
}

/** The name that conflict markers have for an extra, a group or a whole project. */
export function conflictName(kind: 'extra' | 'group' | 'project', name: string, member?: string): string {
  return `${kind}-${name.length}-${name}${member === undefined ? '' : `-${member}`}`;
}

/**
 * Everything that the selection reaches. Conflict markers depend on what is active, and that on the edges, so the walk is
 * repeated until nothing changes; names are only added, so it ends.
 */
export function walkUvGraph(graph: UvGraph, selection: UvSelection): UvReached {
  let active: ReadonlySet<string> = new Set();
  for (;;) {
    const walk = new Walk(graph, active);
    walk.run(selection);
    finish(graph.reading.lock);
    if (walk.active.size === active.size) return { nodes: walk.nodes(), active };
    active = walk.active;
  }
}

interface Edges {
  readonly list: readonly unknown[];
  /** Whose dependencies they are; absent for those of a group. */
  readonly from?: UvNode;
  /** For complaints. */
  readonly near?: UvNode;
}

/** One walk along the edges whose markers hold. */
class Walk {
  readonly active: Set<string>;
  private readonly found = new Map<UvNode, { readonly extras: Set<string>; readonly dependencies: Set<string> }>();
  private readonly visited = new Set<string>();
  private readonly queue: Edges[] = [];

  constructor(
    private readonly graph: UvGraph,
    active: ReadonlySet<string>,
  ) {
    this.active = new Set(active);
  }

  run(selection: UvSelection): void {
    for (const root of this.graph.roots) this.start(root, selection);
    const groups = manifestOf(this.graph.reading)['dependency-groups'];
    for (const group of selection.groups) this.queue.push({ list: asList(member(groups, group)) });
    for (let edges = this.queue.pop(); edges !== undefined; edges = this.queue.pop()) {
      for (const edge of edges.list) this.follow(asTable(edge), edges);
    }
  }

  nodes(): readonly UvReachedNode[] {
    return [...this.found].map(([node, entry]) => ({ node, ...entry }));
  }

  private start(root: UvNode, { extras, groups }: UvSelection): void {
    this.active.add(conflictName('project', root.name));
    this.visit(root);
    for (const extra of extras.filter((name) => extrasOf(root).includes(name))) this.visitExtra(root, extra);
    for (const group of groups.filter((name) => groupsOf(root).includes(name))) {
      this.active.add(conflictName('group', root.name, group));
      this.queue.push({ list: asList(member(root.table['dev-dependencies'], group)), near: root });
    }
  }

  private visit(node: UvNode): void {
    if (this.found.has(node)) return;
    this.found.set(node, { extras: new Set(), dependencies: new Set() });
    this.queue.push({ list: asList(node.table['dependencies']), from: node, near: node });
  }

  private visitExtra(node: UvNode, extra: string): void {
    const key = `${node.index} ${extra}`;
    if (this.visited.has(key)) return;
    this.visited.add(key);
    this.found.get(node)?.extras.add(extra);
    this.active.add(conflictName('extra', node.name, extra));
    this.queue.push({ list: asList(member(node.table['optional-dependencies'], extra)), from: node, near: node });
  }

  private follow(edge: Table, { from, near }: Edges): void {
    const { lock, options } = this.graph.reading;
    const marker = markerOf(lock, edge['marker'], () => lock.place('package', near?.index ?? 0));
    if (marker !== undefined && !evaluateMarker(marker, { variables: options.variables, extra: this.active })) return;
    const target = this.target(edge, near);
    if (target === undefined) return;
    if (from !== undefined && target !== from) this.found.get(from)?.dependencies.add(target.name);
    this.visit(target);
    for (const extra of [...asTexts(edge['extra']), ...asTexts(edge['extras'])]) this.visitExtra(target, normalizeName(extra));
  }

  /** An edge names version and source only where the lock has several packages of the name. */
  private target(edge: Table, near: UvNode | undefined): UvNode | undefined {
    const { lock } = this.graph.reading;
    const name = normalizeName(asText(edge['name']) ?? '');
    const candidates = (this.graph.byName.get(name) ?? []).filter(
      (node) => (edge['version'] === undefined || edge['version'] === node.version) && (edge['source'] === undefined || sameSource(asTable(edge['source']), node.source)),
    );
    const fitting = candidates.length > 1 ? candidates.filter((node) => resolvedHere(node, this.graph.reading)) : candidates;
    if (fitting.length === 1) return fitting[0];
    const what = edge['version'] === undefined ? name : `${name} ${show(edge['version'])}`;
    const message = `${near?.name ?? 'a group'} needs ${what}, which is ${fitting.length === 0 ? 'not in' : 'ambiguous in'} ${lock.file}`;
    complain(lock, message, { place: lock.place('package', near?.index ?? 0), advice: 'Run uv lock' });
    return undefined;
  }
}

/** Keys of TOML tables are names as written; they are compared normalised. */
function member(table: unknown, name: string): unknown {
  return Object.entries(asTable(table)).find(([key]) => normalizeName(key) === name)?.[1];
}

function sameSource(a: Table, b: Table): boolean {
  return Object.entries(a).every(([key, value]) => b[key] === value);
}

/** True if the package was resolved for this environment; without markers it is for all. */
function resolvedHere(node: UvNode, { lock, options }: Reading): boolean {
  const texts = asTexts(node.table['resolution-markers']);
  const markers = texts.map((text) => markerOf(lock, text, () => lock.place('package', node.index, 'resolution-markers')));
  return texts.length === 0 || markers.some((marker) => marker === undefined || evaluateMarker(marker, { variables: options.variables, extra: new Set() }));
}
