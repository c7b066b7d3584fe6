import { compare } from '../../core/record.js';
import { normalizeName } from '../name.js';
import { sourceUrl } from '../source-url.js';
import { isArchiveName } from '../wheel-name.js';
import { checkEnvironments, checkPython, checkSelection } from './environment-check.js';
import type { Table } from './lock-text.js';
import { asList, asTable, asText, complain, finish, show } from './lock-text.js';
import type { LockPlace } from './locked-files.js';
import { filenameOfUrl, hashesOf, lockedFile, lockPath } from './locked-files.js';
import type { LockedFile, LockedPackage, LockedSource } from './locked-package.js';
import type { Reading } from './reading.js';
import type { UvNode, UvReachedNode } from './uv-graph.js';
import { conflictName, extrasOf, groupsOf, isLocal, manifestOf, uvGraph, walkUvGraph } from './uv-graph.js';

/**
 * uv.lock, version 1 of any revision. The packages are found as `uv sync` finds them: from the project itself (or all
 * members of a workspace without one), along the edges whose markers hold, with the extras and groups asked for. Groups are
 * only those asked for: uv's default group `dev` is not taken by itself.
 */
export function readUvLock(reading: Reading): readonly LockedPackage[] {
  const { lock, options } = reading;
  if (lock.data['version'] !== 1) {
    complain(lock, `${lock.file} has format version ${show(lock.data['version'])}, version 1 is supported`, { place: lock.placeOf('version') });
    finish(lock);
  }
  checkPython(lock, { key: 'requires-python', value: lock.data['requires-python'] }, options.variables);
  checkEnvironments(lock, 'supported-markers', options.variables);
  const graph = uvGraph(reading);
  const { roots } = graph;
  const selection = { extras: options.extras.map(normalizeName), groups: options.groups.map(normalizeName) };
  checkSelection(lock, { kind: 'extra', wanted: selection.extras, known: new Set(roots.flatMap(extrasOf)) });
  checkSelection(lock, { kind: 'group', wanted: selection.groups, known: new Set([...roots.flatMap(groupsOf), ...Object.keys(asTable(manifestOf(reading)['dependency-groups'])).map(normalizeName)]) });
  finish(lock);
  const reached = walkUvGraph(graph, selection);
  checkConflicts(reading, reached.active);
  finish(lock);
  const installed = reached.nodes.filter(({ node }) => !('virtual' in node.source));
  checkDuplicates(installed, reading);
  finish(lock);
  const names = new Set(installed.map(({ node }) => node.name));
  return installed.map((item) => lockedPackage(item, names, reading)).sort((a, b) => compare(a.name, b.name));
}

function checkDuplicates(nodes: readonly UvReachedNode[], { lock }: Reading): void {
  const seen = new Set<string>();
  for (const { node } of nodes) {
    if (seen.has(node.name)) complain(lock, `${node.name} is in ${lock.file} twice for this environment`, { place: lock.place('package', node.index), advice: 'Run uv lock' });
    seen.add(node.name);
  }
}

function checkConflicts({ lock }: Reading, active: ReadonlySet<string>): void {
  for (const set of asList(lock.data['conflicts'])) {
    const chosen = asList(set).map(asTable).filter((item) => active.has(nameOf(item)));
    if (chosen.length < 2) continue;
    const names = chosen.map((item) => (item['extra'] === undefined ? `group ${show(item['group'])}` : `extra ${show(item['extra'])}`));
    complain(lock, `${names.join(' and ')} of ${show(chosen[0]?.['package'])} conflict with each other`, { place: lock.placeOf('conflicts'), advice: 'Choose one of them' });
  }
}

function nameOf(item: Table): string {
  const name = normalizeName(asText(item['package']) ?? '');
  const [extra, group] = [asText(item['extra']), asText(item['group'])];
  if (extra !== undefined) return conflictName('extra', name, normalizeName(extra));
  return group === undefined ? conflictName('project', name) : conflictName('group', name, normalizeName(group));
}

function lockedPackage({ node, extras, dependencies }: UvReachedNode, installed: ReadonlySet<string>, { lock, place }: Reading): LockedPackage {
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

function lockedSource({ table, source }: UvNode, place: LockPlace): LockedSource {
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
