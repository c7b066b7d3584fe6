import { compare } from '../../core/record.js';
import type { MarkerEnvironment } from '../marker.js';
import { evaluateMarker } from '../marker.js';
import { normalizeName } from '../name.js';
import { contains, parseSpecifiers } from '../specifier.js';
import { sourceUrl } from '../source-url.js';
import { baseVersion, parseVersion } from '../version.js';
import { checkEnvironments, checkPython, checkSelection } from './environment-check.js';
import type { Table } from './lock-text.js';
import { asList, asTable, asText, asTexts, complain, finish, markerOf, show } from './lock-text.js';
import { lockedFile, lockPath } from './locked-files.js';
import type { LockedFile, LockedPackage, LockedSource } from './locked-package.js';
import type { Reading } from './reading.js';

/**
 * pylock.toml (PEP 751), format 1.x. With no groups asked for, its `default-groups` are taken, as the format says.
 */
export function readPylock(reading: Reading): readonly LockedPackage[] {
  const { lock, options } = reading;
  checkFormat(reading);
  checkPython(lock, { key: 'requires-python', value: lock.data['requires-python'] }, options.variables);
  checkEnvironments(lock, 'environments', options.variables);
  const known = (key: string): ReadonlySet<string> => new Set(asTexts(lock.data[key]).map(normalizeName));
  const selection = { extras: options.extras.map(normalizeName), groups: options.groups.map(normalizeName) };
  checkSelection(lock, { kind: 'extra', wanted: selection.extras, known: known('extras') });
  checkSelection(lock, { kind: 'group', wanted: selection.groups, known: new Set([...known('dependency-groups'), ...known('default-groups')]) });
  const environment: MarkerEnvironment = {
    variables: options.variables,
    extras: new Set(selection.extras),
    dependencyGroups: selection.groups.length === 0 ? known('default-groups') : new Set(selection.groups),
  };
  const items = asList(lock.data['packages']).map((value, index): Item => ({ index, table: asTable(value), name: normalizeName(asText(asTable(value)['name']) ?? '') }));
  const selected = items.filter((item) => isSelected(item, environment, reading));
  checkDuplicates(selected, reading);
  const packages = selected.map((item) => lockedPackage(item, selected, reading));
  finish(lock);
  return packages.filter((item) => item !== undefined).sort((a, b) => compare(a.name, b.name));
}

interface Item {
  readonly index: number;
  readonly table: Table;
  readonly name: string;
}

function checkFormat({ lock }: Reading): void {
  const version = asText(lock.data['lock-version']);
  if (version === undefined) complain(lock, `${lock.file} has no lock-version`, { place: lock.placeOf('lock-version') });
  else if (!/^1\.\d+$/.test(version)) complain(lock, `${lock.file} has lock-version ${version}, 1.0 is supported`, { place: lock.placeOf('lock-version') });
  finish(lock);
}

function isSelected({ index, table, name }: Item, environment: MarkerEnvironment, { lock, options }: Reading): boolean {
  const marker = markerOf(lock, table['marker'], () => lock.place('packages', index, 'marker'));
  if (marker !== undefined && !evaluateMarker(marker, environment)) return false;
  const wanted = parseSpecifiers(asText(table['requires-python']) ?? '');
  const python = parseVersion(options.variables['python_full_version'] ?? '');
  if (wanted !== undefined && python !== undefined && !contains(wanted, baseVersion(python), true)) {
    complain(lock, `${name} needs Python ${show(table['requires-python'])}, the builder has ${options.variables['python_full_version']}`, { place: lock.place('packages', index, 'requires-python') });
  }
  return true;
}

function checkDuplicates(selected: readonly Item[], { lock }: Reading): void {
  const first = new Map<string, Item>();
  for (const item of selected) {
    const earlier = first.get(item.name);
    if (earlier !== undefined) complain(lock, `${item.name} is in ${lock.file} twice for this environment`, { place: lock.place('packages', item.index) });
    first.set(item.name, item);
  }
}

function lockedPackage(item: Item, selected: readonly Item[], reading: Reading): LockedPackage | undefined {
  const { lock } = reading;
  const place = lock.place('packages', item.index);
  if (item.name === '') complain(lock, 'a package without a name', { place });
  const source = lockedSource(item, reading);
  if (source === undefined) return undefined;
  const version = asText(item.table['version']);
  const wanted = asList(item.table['dependencies']).map(asTable);
  const dependencies = selected.filter((other) => wanted.some((reference) => refersTo(reference, other))).map((other) => other.name);
  return { name: item.name, ...(version === undefined ? {} : { version }), source, extras: [], dependencies: dependencies.sort(compare), member: source.kind === 'path' && source.form === 'directory', place };
}

/** A reference names as much of a package as is needed to tell it apart. */
function refersTo(reference: Table, { table, name }: Item): boolean {
  if (normalizeName(asText(reference['name']) ?? '') !== name) return false;
  return reference['version'] === undefined || reference['version'] === table['version'];
}

function lockedSource({ index, table, name }: Item, reading: Reading): LockedSource | undefined {
  const { lock, place } = reading;
  const kinds = ['vcs', 'directory', 'archive'].filter((key) => table[key] !== undefined);
  const hasFiles = table['wheels'] !== undefined || table['sdist'] !== undefined;
  if (kinds.length + (hasFiles ? 1 : 0) !== 1) {
    complain(lock, `${name} must have exactly one of vcs, directory, archive, or sdist and wheels`, { place: lock.place('packages', index) });
    return undefined;
  }
  const [kind] = kinds;
  if (kind === 'vcs') return vcsSource({ index, table, name }, reading);
  if (kind === 'archive') return archiveSource({ index, table, name }, reading);
  if (kind === 'directory') {
    const entry = asTable(table['directory']);
    const path = lockPath(asText(entry['path']) ?? '.', place);
    return { kind: 'path', path, form: 'directory', editable: entry['editable'] === true, hashes: [], ...subdirectoryOf(entry) };
  }
  return filesSource({ index, table, name }, reading);
}

function filesSource({ index, table, name }: Item, { lock, place }: Reading): LockedSource {
  const entries = [...asList(table['wheels']), ...(table['sdist'] === undefined ? [] : [table['sdist']])];
  const files = entries.map((entry) => lockedFile(entry, place)).filter((file): file is LockedFile => file !== undefined);
  for (const file of files.filter((candidate) => candidate.hashes.length === 0)) {
    complain(lock, `${file.filename} of ${name} has no usable hash`, { place: lock.place('packages', index) });
  }
  const registry = asText(table['index']);
  return { kind: 'index', ...(registry === undefined ? {} : { index: sourceUrl(registry) }), files };
}

function vcsSource({ index, table, name }: Item, { lock, place }: Reading): LockedSource | undefined {
  const entry = asTable(table['vcs']);
  const [url, path, commit] = [asText(entry['url']), asText(entry['path']), asText(entry['commit-id'])];
  if (entry['type'] !== 'git' || commit === undefined || (url === undefined && path === undefined)) {
    const message = entry['type'] === 'git' ? `${name} has no commit-id or no address` : `${name} comes from ${show(entry['type'])}, git is supported`;
    complain(lock, message, { place: lock.place('packages', index) });
    return undefined;
  }
  return { kind: 'git', url: sourceUrl(url ?? lockPath(path as string, place)), commit, ...subdirectoryOf(entry) };
}

function archiveSource({ index, table, name }: Item, { lock, place }: Reading): LockedSource | undefined {
  const entry = asTable(table['archive']);
  const file = lockedFile(entry, place);
  if (file === undefined || file.hashes.length === 0) {
    complain(lock, `the archive of ${name} has no address or no usable hash`, { place: lock.place('packages', index) });
    return undefined;
  }
  if (file.path === undefined) return { kind: 'url', file, ...subdirectoryOf(entry) };
  return { kind: 'path', path: file.path, form: 'archive', editable: false, hashes: file.hashes, ...subdirectoryOf(entry) };
}

function subdirectoryOf(entry: Table): { readonly subdirectory?: string } {
  const subdirectory = asText(entry['subdirectory']);
  return subdirectory === undefined ? {} : { subdirectory };
}
