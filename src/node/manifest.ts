import { Failed } from '../core/failure.js';
import type { Place } from '../core/place.js';
import { offsetOf, placeAt, syntaxError } from './json-place.js';

/** A map of strings as dependency fields have them: name → range. */
export type Ranges = Readonly<Record<string, string>>;

/** What a package.json and an entry of a lock have in common. Absent fields are absent, never null. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Ranges;
  readonly devDependencies?: Ranges;
  readonly optionalDependencies?: Ranges;
  readonly peerDependencies?: Ranges;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly acceptDependencies?: Ranges;
  readonly bundleDependencies?: readonly string[] | boolean;
  readonly engines?: Ranges;
  readonly os?: string | readonly string[];
  readonly cpu?: string | readonly string[];
  readonly libc?: string | readonly string[];
  readonly bin?: unknown;
  readonly workspaces?: readonly string[] | { readonly packages?: readonly string[] };
}

/** A package.json of the project: the root's or a workspace's. */
export interface PackageJson extends Manifest {
  readonly overrides?: unknown;
  readonly devEngines?: unknown;
}

/** A JSON file of the project with the text that it was read from, so that a complaint has a place. */
export interface JsonFile<T> {
  /** As the user would write it, relative to the project's root. */
  readonly file: string;
  readonly text: string;
  readonly value: T;
}

export function placeIn(file: JsonFile<unknown>, path: readonly (string | number)[]): Place {
  return placeAt(file.file, file.text, offsetOf(file.text, path));
}

/** Parses JSON that must be an object; fails with the place of the first wrong character. */
export function parseObject(file: string, text: string): JsonFile<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch (cause) {
    const { offset, expected } = syntaxError(text);
    throw new Failed({
      reason: 'requirements',
      message: `${file} is not JSON: expected ${expected}`,
      place: placeAt(file, text, offset),
      advice: 'Correct the file, or write it anew with npm',
    }, { cause });
  }
  if (!isObject(value)) {
    throw new Failed({ reason: 'requirements', message: `${file} is not a JSON object`, place: placeAt(file, text, 0) });
  }
  return { file, text, value };
}

/** Reads a package.json. Only fields that decide about the tree are looked at. */
export function parsePackageJson(file: string, text: string): JsonFile<PackageJson> {
  const { value } = parseObject(file, text);
  const wrong = shapeErrors(value);
  const json = { file, text, value: normalised(value) };
  if (wrong.length > 0) {
    throw new Failed(wrong.map(({ path, expected }) => ({
      reason: 'requirements' as const,
      message: `${path.join('.')} in ${file} is not ${expected}`,
      place: placeIn(json, path),
    })));
  }
  return json;
}

/** npm reads `bundledDependencies` as the older spelling, and drops from `dependencies` what is optional. */
function normalised(value: Record<string, unknown>): PackageJson {
  const manifest = { ...value } as Record<string, unknown>;
  if (manifest['bundleDependencies'] === undefined && manifest['bundledDependencies'] !== undefined) {
    manifest['bundleDependencies'] = manifest['bundledDependencies'];
  }
  return manifest as PackageJson;
}

export interface ShapeError {
  readonly path: readonly string[];
  readonly expected: string;
}

const RANGES = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies', 'acceptDependencies'] as const;
const TEXTS = ['name', 'version'] as const;
const LISTS = ['os', 'cpu', 'libc'] as const;

/** Fields of a manifest that have another type than npm gives them. */
export function shapeErrors(value: Readonly<Record<string, unknown>>): ShapeError[] {
  const errors: ShapeError[] = [];
  for (const field of TEXTS) {
    if (value[field] !== undefined && typeof value[field] !== 'string') errors.push({ path: [field], expected: 'a string' });
  }
  for (const field of LISTS) {
    const list = value[field];
    if (list !== undefined && typeof list !== 'string' && !isStrings(list)) errors.push({ path: [field], expected: 'a list of strings' });
  }
  for (const field of RANGES) {
    const ranges = value[field];
    if (ranges === undefined) continue;
    if (!isObject(ranges)) errors.push({ path: [field], expected: 'an object of name and range' });
    else for (const name in ranges) if (typeof ranges[name] !== 'string') errors.push({ path: [field, name], expected: 'a string' });
  }
  const meta = value['peerDependenciesMeta'];
  if (meta !== undefined && !(isObject(meta) && Object.values(meta).every(isObject))) {
    errors.push({ path: ['peerDependenciesMeta'], expected: 'an object of objects' });
  }
  return errors;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
