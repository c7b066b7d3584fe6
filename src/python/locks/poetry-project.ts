import { parseDependency } from '../dependency.js';
import { canonicalMarker } from '../marker.js';
import { normalizeName } from '../name.js';
import { canonicalSpecifiers } from '../specifier.js';
import { SyntaxFault } from '../syntax.js';
import { checkSelection } from './environment-check.js';
import { asList, asTable, asTexts, complain, finish, parseLockText, show } from './lock-text.js';
import type { LockText, Table } from './lock-text.js';
import type { PoetryEdge } from './poetry-edge.js';
import { poetryEdges } from './poetry-edge.js';
import type { Reading } from './reading.js';

/** What the pyproject.toml beside a poetry.lock asks for: main dependencies and those of the groups that are wanted. */
export async function poetryRoots({ lock, options }: Reading): Promise<readonly PoetryEdge[]> {
  const text = await options.readBeside('pyproject.toml');
  if (text === undefined) {
    complain(lock, `${lock.file} is of a format that needs the pyproject.toml beside it, and there is none`, { place: lock.placeOf('metadata'), advice: 'Run poetry lock with Poetry 2, or put pyproject.toml beside the lock' });
    return [];
  }
  const project = await parseLockText(text, lock.file.replace(/[^/]*$/, 'pyproject.toml'));
  const poetry = asTable(asTable(project.data['tool'])['poetry']);
  const groups = groupsOf(poetry);
  checkSelection(project, { kind: 'group', wanted: options.groups.map(normalizeName), known: new Set(groups.keys()) });
  const wanted = options.groups.flatMap((group) => Object.entries(groups.get(normalizeName(group)) ?? {}));
  const roots = [...Object.entries(asTable(poetry['dependencies'])), ...wanted].filter(([name]) => name !== 'python').flatMap(([name, value]) => poetryEdges(name, value));
  const standard = standardRoots(project);
  finish(project);
  return [...roots, ...standard];
}

function groupsOf(poetry: Table): ReadonlyMap<string, Table> {
  const groups = new Map(Object.entries(asTable(poetry['group'])).map(([name, group]) => [normalizeName(name), asTable(asTable(group)['dependencies'])]));
  if (poetry['dev-dependencies'] !== undefined) groups.set('dev', { ...groups.get('dev'), ...asTable(poetry['dev-dependencies']) });
  return groups;
}

/** `[project]` dependencies, which Poetry 2 reads too; optional ones are chosen by the lock's extras. */
function standardRoots(project: LockText): readonly PoetryEdge[] {
  const table = asTable(project.data['project']);
  const optional = Object.values(asTable(table['optional-dependencies'])).flatMap((list) => asTexts(list));
  return [...asList(table['dependencies']).map((text) => edge(show(text), false, project)), ...optional.map((text) => edge(text, true, project))].filter((item) => item !== undefined);
}

function edge(text: string, optional: boolean, project: LockText): PoetryEdge | undefined {
  try {
    const { name, specifiers, marker, extras } = parseDependency(text);
    return { name, constraint: canonicalSpecifiers(specifiers), ...(marker === undefined ? {} : { marker: canonicalMarker(marker) }), optional, extras };
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    complain(project, `dependency ${JSON.stringify(text)} is not valid: ${error.message}`, { place: project.placeOf('dependencies') });
    return undefined;
  }
}
