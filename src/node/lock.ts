import { Failed, type Problem } from '../core/failure.js';
import { duplicateKeys, placeAt } from './json-place.js';
import { isObject, parseObject, placeIn, shapeErrors, type JsonFile, type Manifest } from './manifest.js';
import type { Place } from '../core/place.js';

/** One entry of `packages`: a manifest's fields as npm kept them, and where the package comes from. */
export interface LockEntry extends Manifest {
  /** URL, `git+…#commit`, `file:…`; for a link the folder that it points to, relative to the lock. */
  readonly resolved?: string;
  /** Subresource integrity: one or more hashes. */
  readonly integrity?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
  readonly hasShrinkwrap?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly extraneous?: boolean;
}

/** A package-lock.json or npm-shrinkwrap.json of version 2 or 3, checked for shape. */
export interface Lock {
  readonly json: JsonFile<unknown>;
  readonly version: 2 | 3;
  /** Top-level fields besides `packages` and the legacy `dependencies`; npm copies them to its hidden lock. */
  readonly head: Readonly<Record<string, unknown>>;
  /** By location: '' is the project, `node_modules/a/node_modules/b`, `translate`. In the file's order. */
  readonly packages: ReadonlyMap<string, LockEntry>;
}

/** Where an entry (or a field of it) is written. */
export function entryPlace(lock: Lock, location: string, field?: string): Place {
  return placeIn(lock.json, field === undefined ? ['packages', location] : ['packages', location, field]);
}

/** Parses a lock; fails with every problem found, each with its place. */
export function parseLock(file: string, text: string): Lock {
  const json = parseObject(file, text);
  const version = lockVersion(json);
  const { packages: rawPackages, dependencies: _legacy, ...head } = json.value;
  if (!isObject(rawPackages)) {
    throw new Failed({ reason: 'requirements', message: `${file} has no "packages" object`, place: placeIn(json, ['packages']), advice: 'Run `npm install` to write the lock anew' });
  }
  const problems = duplicateProblems(json);
  const packages = new Map<string, LockEntry>();
  for (const [location, value] of Object.entries(rawPackages)) {
    const wrong = entryErrors(location, value);
    for (const { path, expected } of wrong) {
      problems.push({
        reason: 'requirements',
        message: path.length === 0 ? `"${location}" in ${file} is not ${expected}` : `${path.join('.')} of "${location}" in ${file} is not ${expected}`,
        place: placeIn(json, ['packages', location, ...path]),
        advice: 'Run `npm install` to write the lock anew',
      });
    }
    if (wrong.length === 0) packages.set(location, value as LockEntry);
  }
  for (const [location, entry] of packages) {
    if (entry.link && !packages.has(entry.resolved ?? '')) problems.push(missingTarget(json, location, entry));
  }
  if (!packages.has('')) {
    problems.push({ reason: 'requirements', message: `${file} has no entry "" for the project itself`, place: placeIn(json, ['packages']), advice: 'Run `npm install` to write the lock anew' });
  }
  if (problems.length > 0) throw new Failed(problems);
  return { json, version, head, packages };
}

function lockVersion(json: JsonFile<Record<string, unknown>>): 2 | 3 {
  const version = json.value['lockfileVersion'];
  if (version === 2 || version === 3) return version;
  const old = version === 1 || (version === undefined && json.value['dependencies'] !== undefined);
  throw new Failed({
    reason: 'requirements',
    message: old
      ? `${json.file} has lockfileVersion 1, which lacks what is needed to install from it`
      : `${json.file} has an unknown lockfileVersion ${JSON.stringify(version) ?? '(none)'}`,
    place: placeIn(json, ['lockfileVersion']),
    advice: old ? 'Run `npm install --package-lock-only` with npm 7 or later once, and commit the new lock' : 'Versions 2 and 3 are understood: write the lock with npm 7 or later',
  });
}

function duplicateProblems(json: JsonFile<unknown>): Problem[] {
  return duplicateKeys(json.text, ['packages']).map(({ key, first, again }) => ({
    reason: 'requirements' as const,
    message: `"${key}" is in ${json.file} twice`,
    place: placeAt(json.file, json.text, again),
    related: { message: 'first here', place: placeAt(json.file, json.text, first) },
    advice: 'Remove one of them, or run `npm install` to write the lock anew',
  }));
}

function missingTarget(json: JsonFile<unknown>, location: string, entry: LockEntry): Problem {
  return {
    reason: 'requirements',
    message: `"${location}" in ${json.file} links to "${entry.resolved ?? ''}", which has no entry`,
    place: placeIn(json, ['packages', location, 'resolved']),
    advice: 'Run `npm install` to write the lock anew',
  };
}

const FLAGS = ['link', 'inBundle', 'hasInstallScript', 'hasShrinkwrap', 'dev', 'optional', 'devOptional', 'peer', 'extraneous'] as const;

interface EntryError {
  readonly path: readonly string[];
  readonly expected: string;
}

function entryErrors(location: string, value: unknown): readonly EntryError[] {
  const pathError = locationError(location);
  if (pathError) return [{ path: [], expected: pathError }];
  if (!isObject(value)) return [{ path: [], expected: 'an object' }];
  const errors: EntryError[] = shapeErrors(value);
  for (const flag of FLAGS) {
    if (value[flag] !== undefined && typeof value[flag] !== 'boolean') errors.push({ path: [flag], expected: 'true or false' });
  }
  const { resolved, integrity, link } = value;
  if (resolved !== undefined && typeof resolved !== 'string') errors.push({ path: ['resolved'], expected: 'a string' });
  if (integrity !== undefined && typeof integrity !== 'string') errors.push({ path: ['integrity'], expected: 'a string' });
  if (link === true && typeof resolved === 'string' && unsafe(resolved)) errors.push({ path: ['resolved'], expected: 'a relative path' });
  if (link === true && typeof resolved !== 'string') errors.push({ path: ['resolved'], expected: 'a string' });
  return errors;
}

/**
 * What a location must be, or undefined when it is: keys are untrusted and become paths. Only the folder of a link's
 * target may lie above the project (`../lib`); nothing is ever installed there.
 */
function locationError(location: string): string | undefined {
  if (location === '') return undefined;
  if (unsafe(location)) return 'a relative path';
  const segments = location.split('/');
  if (segments.some((segment) => segment === '' || segment === '.')) return 'a plain path';
  const climbs = segments.lastIndexOf('..') + 1;
  const installed = segments.includes('node_modules');
  if (climbs > 0 && (installed || segments.slice(0, climbs).some((segment) => segment !== '..'))) return 'a path inside the project';
  for (let at = segments.indexOf('node_modules'); at !== -1; at = segments.indexOf('node_modules', at + 1)) {
    const [first, second] = segments.slice(at + 1);
    const last = first?.startsWith('@') ? second : first;
    if (!last || last.startsWith('.') || first === 'node_modules' || last === 'node_modules') return 'a package below node_modules';
  }
  return undefined;
}

function unsafe(path: string): boolean {
  return path.startsWith('/') || path.includes('\\') || path.includes('\0') || /^[A-Za-z]:/.test(path);
}
