import { compare } from '../../core/record.js';
import type { MarkerEnvironment } from '../marker.js';
import { evaluateMarker } from '../marker.js';
import { normalizeName } from '../name.js';
import { sourceUrl } from '../source-url.js';
import { parseVersion } from '../version.js';
import { checkSelection } from './environment-check.js';
import type { Table } from './lock-text.js';
import { asList, asTable, asText, asTexts, complain, finish, markerOf, show } from './lock-text.js';
import { filenameOfUrl, lockedFile, lockPath } from './locked-files.js';
import type { LockedFile, LockedPackage, LockedSource } from './locked-package.js';
import { poetryAllows } from './poetry-constraint.js';
import type { PoetryEdge } from './poetry-edge.js';
import { poetryEdges } from './poetry-edge.js';
import { poetryRoots } from './poetry-project.js';
import type { Reading } from './reading.js';

/** A `[[package]]` of poetry.lock. */
interface PoetryPackage {
  readonly index: number;
  readonly name: string;
  readonly version: string;
  readonly table: Table;
}

/**
 * poetry.lock. From format 2.1 on every package has its groups and markers; the older formats (1.1, 2.0) have only edges,
 * so what is asked for is read from the pyproject.toml beside them. The group `main` is always taken.
 */
export async function readPoetryLock(reading: Reading): Promise<readonly LockedPackage[]> {
  const { lock, options } = reading;
  const format = asText(asTable(lock.data['metadata'])['lock-version']) ?? '1.0';
  if (!/^(?:1\.1|2\.\d+)$/.test(format)) complain(lock, `${lock.file} has lock-version ${format}; 1.1 and 2.x are supported`, { place: lock.placeOf('metadata'), advice: 'Run poetry lock with a current Poetry' });
  checkInterpreter(reading);
  finish(lock);
  const packages = asList(lock.data['package']).map((value, index): PoetryPackage => {
    const table = asTable(value);
    return { index, name: normalizeName(asText(table['name']) ?? ''), version: asText(table['version']) ?? '', table };
  });
  const extras = new Set(options.extras.map(normalizeName));
  const knownExtras = new Set(Object.keys(asTable(lock.data['extras'])).map(normalizeName));
  checkSelection(lock, { kind: 'extra', wanted: [...extras], known: knownExtras });
  const selected = format === '2.1' || Number(format.slice(2)) > 1 ? selectByGroups(packages, reading) : await selectByEdges(packages, reading);
  finish(lock);
  checkDuplicates(selected, reading);
  const names = new Set(selected.map(({ name }) => name));
  const result = selected.map((item) => lockedPackage(item, names, reading));
  finish(lock);
  return result.sort((a, b) => compare(a.name, b.name));
}

function checkInterpreter({ lock, options }: Reading): void {
  const constraint = asText(asTable(lock.data['metadata'])['python-versions']);
  const version = parseVersion((options.variables['python_full_version'] ?? '').replace(/\+$/, ''));
  if (constraint === undefined || version === undefined || poetryAllows(constraint, version)) return;
  complain(lock, `${lock.file} is for Python ${constraint}, the builder has ${options.variables['python_full_version']}`, { place: lock.placeOf('metadata'), advice: 'Use another builder, or change the project and lock again' });
}

function environmentOf({ options }: Reading): MarkerEnvironment {
  return { variables: options.variables, extra: new Set(options.extras.map(normalizeName)) };
}

/** Format 2.1: `groups = ["main", "dev"]`, `markers` one text for all groups or one per group. */
function selectByGroups(packages: readonly PoetryPackage[], reading: Reading): readonly PoetryPackage[] {
  const { lock, options } = reading;
  const wanted = ['main', ...options.groups.map(normalizeName)];
  const known = new Set(packages.flatMap(({ table }) => asTexts(table['groups']).map(normalizeName)));
  checkSelection(lock, { kind: 'group', wanted: wanted.slice(1), known });
  const environment = environmentOf(reading);
  return packages.filter(({ table, index }) => {
    const groups = asTexts(table['groups']).filter((group) => wanted.includes(normalizeName(group)));
    return groups.some((group) => {
      const markers = table['markers'];
      const text = typeof markers === 'string' ? markers : asTable(markers)[group];
      const marker = markerOf(lock, text, () => lock.place('package', index, 'markers'));
      return marker === undefined || evaluateMarker(marker, environment);
    });
  });
}

async function selectByEdges(packages: readonly PoetryPackage[], reading: Reading): Promise<readonly PoetryPackage[]> {
  const roots = await poetryRoots(reading);
  finish(reading.lock);
  const extraEdges = Object.entries(asTable(reading.lock.data['extras']))
    .filter(([name]) => reading.options.extras.map(normalizeName).includes(normalizeName(name)))
    .flatMap(([, names]) => asTexts(names).map((text) => normalizeName(/^[A-Za-z0-9._-]+/.exec(text)?.[0] ?? text)));
  const selected = new Set<PoetryPackage>();
  const visited = new Set<string>();
  const queue = roots.filter((edge) => !edge.optional || extraEdges.includes(edge.name)).map((edge) => ({ edge, extras: environmentOf(reading).extra as ReadonlySet<string> }));
  for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
    const { edge, extras } = item;
    if (!applies(edge, extras, reading)) continue;
    const target = choose(packages, edge);
    if (target === undefined) {
      complain(reading.lock, `${edge.name} ${edge.constraint} is needed but not in ${reading.lock.file}`, { place: { file: reading.lock.file, line: 1, column: 1 }, advice: 'Run poetry lock' });
      continue;
    }
    selected.add(target);
    const key = `${target.index} ${edge.extras.join(',')}`;
    if (visited.has(key)) continue;
    visited.add(key);
    const own = new Set(edge.extras);
    for (const next of edgesOf(target, own)) queue.push({ edge: next, extras: own });
  }
  return [...selected];
}

function applies(edge: PoetryEdge, extras: ReadonlySet<string>, { lock, options: { variables } }: Reading): boolean {
  const marker = markerOf(lock, edge.marker, () => ({ file: lock.file, line: 1, column: 1 }));
  if (marker !== undefined && !evaluateMarker(marker, { variables, extra: extras })) return false;
  if (edge.platform !== undefined && edge.platform !== variables['sys_platform']) return false;
  return edge.python === undefined || allows(edge.python, (variables['python_full_version'] ?? '').replace(/\+$/, ''));
}

function choose(packages: readonly PoetryPackage[], edge: PoetryEdge): PoetryPackage | undefined {
  const candidates = packages.filter(({ name }) => name === edge.name);
  return candidates.length < 2 ? candidates[0] : candidates.find(({ version }) => allows(edge.constraint, version));
}

function allows(constraint: string, text: string): boolean {
  const version = parseVersion(text);
  return version === undefined || poetryAllows(constraint, version);
}

/** Optional dependencies of a package belong to its extras. */
function edgesOf({ table }: PoetryPackage, extras: ReadonlySet<string>): readonly PoetryEdge[] {
  const byExtra = Object.entries(asTable(table['extras']))
    .filter(([name]) => extras.has(normalizeName(name)))
    .flatMap(([, names]) => asTexts(names).map((text) => normalizeName(/^[A-Za-z0-9._-]+/.exec(text)?.[0] ?? '')));
  return Object.entries(asTable(table['dependencies']))
    .flatMap(([name, value]) => poetryEdges(name, value))
    .filter((edge) => !edge.optional || byExtra.includes(edge.name));
}

function checkDuplicates(selected: readonly PoetryPackage[], { lock }: Reading): void {
  const seen = new Set<string>();
  for (const { name, index } of selected) {
    if (seen.has(name)) complain(lock, `${name} is in ${lock.file} twice for this environment`, { place: lock.place('package', index) });
    seen.add(name);
  }
}

function lockedPackage(item: PoetryPackage, names: ReadonlySet<string>, reading: Reading): LockedPackage {
  const dependencies = Object.keys(asTable(item.table['dependencies'])).map(normalizeName).filter((name) => names.has(name));
  const source = lockedSource(item, reading);
  return {
    name: item.name,
    version: item.version,
    source,
    extras: [],
    dependencies: [...new Set(dependencies)].sort(compare),
    member: source.kind === 'path' && source.form === 'directory',
    place: reading.lock.place('package', item.index),
  };
}

function lockedSource({ table, name, index }: PoetryPackage, { lock, place }: Reading): LockedSource {
  const source = asTable(table['source']);
  const url = asText(source['url']) ?? '';
  const subdirectory = asText(source['subdirectory']);
  const own = subdirectory === undefined ? {} : { subdirectory };
  // Format 1.1 lists the files of all packages in one table.
  const entries = table['files'] ?? asTable(asTable(lock.data['metadata'])['files'])[asText(table['name']) ?? name];
  const files = asList(entries).map((entry) => lockedFile(entry, place)).filter((file): file is LockedFile => file !== undefined);
  const hashes = files.flatMap((file) => file.hashes);
  switch (source['type']) {
    case 'git':
      return { kind: 'git', url: sourceUrl(url), commit: asText(source['resolved_reference']) ?? '', ...own };
    case 'url':
      return { kind: 'url', file: { filename: filenameOfUrl(url), url: sourceUrl(url), hashes }, ...own };
    case 'file':
      return { kind: 'path', path: lockPath(url, place), form: 'archive', editable: false, hashes, ...own };
    case 'directory':
      return { kind: 'path', path: lockPath(url, place), form: 'directory', editable: table['develop'] === true, hashes: [], ...own };
    case undefined:
    case 'legacy':
      if (hashes.length === 0) complain(lock, `${name} has no files with a usable hash`, { place: lock.place('package', index) });
      return { kind: 'index', ...(url === '' ? {} : { index: sourceUrl(url) }), files };
    default:
      complain(lock, `${name} comes from ${show(source['type'])}, which is not supported`, { place: lock.place('package', index) });
      return { kind: 'index', files };
  }
}
