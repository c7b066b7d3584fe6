import { compare } from '../../core/record.js';
import { evaluateMarker } from '../marker.js';
import { normalizeName } from '../name.js';
import { sourceUrl } from '../source-url.js';
import { isArchiveName } from '../wheel-name.js';
import { checkEnvironments, checkPython, checkSelection } from './environment-check.js';
import type { Table } from './lock-text.js';
import { asList, asTable, asText, asTexts, complain, finish, markerOf } from './lock-text.js';
import type { LockPlace } from './locked-files.js';
import { filenameOfUrl, hashesOf, lockedFile, lockPath } from './locked-files.js';
import type { LockedFile, LockedPackage, LockedSource } from './locked-package.js';
import type { Reading } from './reading.js';

/**
 * uv.lock, version 1 of any revision. The packages are found as `uv sync` finds them: from the project itself (or all
 * members of a workspace without one), along the edges whose markers hold, with the extras and groups asked for. Groups are
 * only those asked for: uv's default group `dev` is not taken by itself.
 */
export function readUvLock(reading: Reading): readonly LockedPackage[] {
  const { lock, options } = reading;
  if (lock.data['version'] !== 1) {
    complain(lock, `${lock.file} has format version ${String(lock.data['version'])}, version 1 is supported`, { place: lock.placeOf('version') });
    finish(lock);
  }
  checkPython(lock, { key: 'requires-python', value: lock.data['requires-python'] }, options.variables);
  checkEnvironments(lock, 'supported-markers', options.variables);
  const graph = graphOf(reading);
  const roots = rootsOf(graph);
  const selection = { extras: options.extras.map(normalizeName), groups: options.groups.map(normalizeName) };
  checkSelection(lock, { kind: 'extra', wanted: selection.extras, known: new Set(roots.flatMap(extrasOf)) });
  checkSelection(lock, { kind: 'group', wanted: selection.groups, known: new Set([...roots.flatMap(groupsOf), ...Object.keys(asTable(manifest(lock.data)['dependency-groups']))]) });
  finish(lock);
  const reached = walk(graph, roots, selection);
  checkConflicts(reading, reached.active);
  finish(lock);
  return reached.nodes.filter(({ node }) => !('virtual' in node.source)).map((item) => lockedPackage(item, reached, reading)).sort((a, b) => compare(a.name, b.name));
}

interface Node {
  readonly index: number;
  readonly name: string;
  readonly version: string | undefined;
  readonly table: Table;
  readonly source: Table;
}

interface Graph {
  readonly reading: Reading;
  readonly byName: ReadonlyMap<string, readonly Node[]>;
  readonly members: readonly Node[];
}

interface Reached {
  readonly nodes: readonly ReachedNode[];
  /** What conflict markers name: `extra-<length>-<package>-<extra>`, `group-…`. */
  readonly active: ReadonlySet<string>;
}

interface ReachedNode {
  readonly node: Node;
  readonly extras: ReadonlySet<string>;
  readonly dependencies: ReadonlySet<string>;
}

interface Selection {
  readonly extras: readonly string[];
  readonly groups: readonly string[];
}

function manifest(data: Table): Table {
  return asTable(data['manifest']);
}

function graphOf(reading: Reading): Graph {
  const nodes = asList(reading.lock.data['package']).map((value, index): Node => {
    const table = asTable(value);
    return { index, name: normalizeName(asText(table['name']) ?? ''), version: asText(table['version']), table, source: asTable(table['source']) };
  });
  const byName = new Map<string, Node[]>();
  for (const node of nodes) byName.set(node.name, [...(byName.get(node.name) ?? []), node]);
  const members = new Set(asTexts(manifest(reading.lock.data)['members']).map(normalizeName));
  return { reading, byName, members: nodes.filter((node) => isLocal(node) && (members.has(node.name) || localPath(node) === '.')) };
}

function isLocal(node: Node): boolean {
  return localPath(node) !== undefined;
}

function localPath({ source }: Node): string | undefined {
  return asText(source['virtual']) ?? asText(source['editable']) ?? asText(source['directory']);
}

function rootsOf(graph: Graph): readonly Node[] {
  const root = graph.members.find((node) => localPath(node) === '.');
  return root === undefined ? graph.members : [root];
}

function extrasOf({ table }: Node): readonly string[] {
  return [...Object.keys(asTable(table['optional-dependencies'])), ...asTexts(asTable(table['metadata'])['provides-extras'])].map(normalizeName);
}

function groupsOf({ table }: Node): readonly string[] {
  return [...Object.keys(asTable(table['dev-dependencies'])), ...Object.keys(asTable(asTable(table['metadata'])['requires-dev']))].map(normalizeName);
}

/** Conflict markers depend on what is active, and what is active on the edges: repeated until nothing changes. */
function walk(graph: Graph, roots: readonly Node[], selection: Selection): Reached {
  let active: ReadonlySet<string> = new Set();
  for (;;) {
    const reached = walkOnce(graph, { roots, selection, active });
    finish(graph.reading.lock);
    if (reached.active.size === active.size && [...active].every((name) => reached.active.has(name))) return reached;
    // Names are only added, so this ends.
    active = new Set([...active, ...reached.active]);
  }
}

interface Start {
  readonly roots: readonly Node[];
  readonly selection: Selection;
  readonly active: ReadonlySet<string>;
}

function walkOnce(graph: Graph, { roots, selection, active }: Start): Reached {
  const found = new Map<Node, { extras: Set<string>; dependencies: Set<string> }>();
  const now = new Set(active);
  const visited = new Set<string>();
  const queue: { readonly edges: readonly unknown[]; readonly from?: Node; readonly where: Node | undefined }[] = [];
  const visit = (node: Node, extra: string | undefined): void => {
    const entry = found.get(node) ?? { extras: new Set(), dependencies: new Set() };
    found.set(node, entry);
    const key = `${node.index} ${extra ?? ''}`;
    if (visited.has(key)) return;
    visited.add(key);
    if (extra === undefined) {
      queue.push({ edges: asList(node.table['dependencies']), from: node, where: node });
      return;
    }
    entry.extras.add(extra);
    now.add(`extra-${node.name.length}-${node.name}-${extra}`);
    queue.push({ edges: asList(member(node.table['optional-dependencies'], extra)), from: node, where: node });
  };
  for (const root of roots) {
    visit(root, undefined);
    now.add(`project-${root.name.length}-${root.name}`);
    for (const extra of selection.extras.filter((name) => extrasOf(root).includes(name))) visit(root, extra);
    for (const group of selection.groups) {
      if (groupsOf(root).includes(group)) now.add(`group-${root.name.length}-${root.name}-${group}`);
      queue.push({ edges: asList(member(root.table['dev-dependencies'], group)), where: root });
    }
  }
  for (const group of selection.groups) queue.push({ edges: asList(member(manifest(graph.reading.lock.data)['dependency-groups'], group)), where: undefined });
  for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
    for (const value of item.edges) {
      const edge = asTable(value);
      const target = follow(graph, edge, { active: now, where: item.where });
      if (target === undefined) continue;
      if (item.from !== undefined && target !== item.from) found.get(item.from)?.dependencies.add(target.name);
      visit(target, undefined);
      for (const extra of [...asTexts(edge['extra']), ...asTexts(edge['extras'])]) visit(target, normalizeName(extra));
    }
  }
  return { nodes: [...found].map(([node, entry]) => ({ node, ...entry })), active: now };
}

/** Keys of TOML tables are names as written; they are compared normalised. */
function member(table: unknown, name: string): unknown {
  return Object.entries(asTable(table)).find(([key]) => normalizeName(key) === name)?.[1];
}

interface EdgeContext {
  readonly active: ReadonlySet<string>;
  readonly where: Node | undefined;
}

function follow(graph: Graph, edge: Table, { active, where }: EdgeContext): Node | undefined {
  const { lock, options } = graph.reading;
  const place = () => lock.place('package', where?.index ?? 0);
  const marker = markerOf(lock, edge['marker'], place);
  if (marker !== undefined && !evaluateMarker(marker, { variables: options.variables, extra: active })) return undefined;
  const name = normalizeName(asText(edge['name']) ?? '');
  const candidates = (graph.byName.get(name) ?? []).filter(
    (node) => (edge['version'] === undefined || edge['version'] === node.version) && (edge['source'] === undefined || sameSource(asTable(edge['source']), node.source)),
  );
  const fitting = candidates.length > 1 ? candidates.filter((node) => resolvedHere(node, graph)) : candidates;
  if (fitting.length !== 1) {
    const what = `${name}${edge['version'] === undefined ? '' : ` ${String(edge['version'])}`}`;
    complain(lock, `${where?.name ?? 'a group'} needs ${what}, which is ${fitting.length === 0 ? 'not in' : 'ambiguous in'} ${lock.file}`, { place: place(), advice: 'Run uv lock' });
  }
  return fitting[0];
}

function sameSource(a: Table, b: Table): boolean {
  return Object.entries(a).every(([key, value]) => b[key] === value);
}

function resolvedHere(node: Node, { reading }: Graph): boolean {
  const texts = asTexts(node.table['resolution-markers']);
  return texts.length === 0 || texts.some((text) => {
    const marker = markerOf(reading.lock, text, () => reading.lock.place('package', node.index, 'resolution-markers'));
    return marker === undefined || evaluateMarker(marker, { variables: reading.options.variables, extra: new Set() });
  });
}

function checkConflicts({ lock }: Reading, active: ReadonlySet<string>): void {
  for (const set of asList(lock.data['conflicts'])) {
    const chosen = asList(set).map(asTable).filter((item) => active.has(conflictName(item)));
    if (chosen.length < 2) continue;
    const names = chosen.map((item) => (item['extra'] === undefined ? `group ${String(item['group'])}` : `extra ${String(item['extra'])}`));
    complain(lock, `${names.join(' and ')} of ${String(chosen[0]?.['package'])} conflict with each other`, { place: lock.placeOf('conflicts'), advice: 'Choose one of them' });
  }
}

function conflictName(item: Table): string {
  const name = normalizeName(asText(item['package']) ?? '');
  const [kind, member] = item['extra'] !== undefined ? ['extra', item['extra']] : item['group'] !== undefined ? ['group', item['group']] : ['project', undefined];
  return `${kind}-${name.length}-${name}${member === undefined ? '' : `-${normalizeName(String(member))}`}`;
}

function lockedPackage({ node, extras, dependencies }: ReachedNode, reached: Reached, { lock, place }: Reading): LockedPackage {
  const installed = new Set(reached.nodes.filter((other) => !('virtual' in other.node.source)).map((other) => other.node.name));
  return {
    name: node.name,
    ...(node.version === undefined ? {} : { version: node.version }),
    source: lockedSource(node, place),
    extras: [...extras].sort(compare),
    dependencies: [...dependencies].filter((name) => installed.has(name)).sort(compare),
    member: isLocal(node),
    place: lock.place('package', node.index),
  };
}

function lockedSource({ table, source }: Node, place: LockPlace): LockedSource {
  const files = [...asList(table['wheels']), ...(table['sdist'] === undefined ? [] : [table['sdist']])];
  const [registry, git, url] = [asText(source['registry']), asText(source['git']), asText(source['url'])];
  if (registry !== undefined) return registrySource(registry, files, place);
  if (git !== undefined) return gitSource(git);
  const subdirectory = asText(source['subdirectory']);
  const own = subdirectory === undefined ? {} : { subdirectory };
  const hashes = files.flatMap((file) => hashesOf(asTable(file))).sort(compare);
  if (url !== undefined) return { kind: 'url', file: { filename: filenameOfUrl(url), url: sourceUrl(url), hashes }, ...own };
  const path = asText(source['path']) ?? asText(source['directory']) ?? asText(source['editable']) ?? '.';
  const form = source['path'] !== undefined && isArchiveName(path) ? 'archive' : 'directory';
  return { kind: 'path', path: lockPath(path, place), form, editable: 'editable' in source, hashes, ...own };
}

/** A registry may be a folder of files; their paths start from it. */
function registrySource(registry: string, files: readonly unknown[], place: LockPlace): LockedSource {
  const isUrl = /^[a-z]+:\/\//i.test(registry);
  const folder = isUrl ? place : { root: place.root, folder: lockPath(registry, place) };
  const locked = files.map((file) => lockedFile(file, folder)).filter((file): file is LockedFile => file !== undefined);
  return { kind: 'index', ...(isUrl ? { index: sourceUrl(registry) } : {}), files: locked };
}

/** `https://host/repo?rev=main&subdirectory=x#<commit>` */
function gitSource(text: string): LockedSource {
  const [head = '', commit = ''] = text.split('#');
  const [address = '', query = ''] = head.split('?');
  const subdirectory = new URLSearchParams(query).get('subdirectory');
  return { kind: 'git', url: sourceUrl(address), commit, ...(subdirectory === null ? {} : { subdirectory }) };
}
