import { lstat, readFile, realpath } from 'node:fs/promises';
import { isAbsolute, join, posix, relative } from 'node:path';
import { fail } from '../core/failure.js';
import type { Place } from '../core/place.js';
import { parsePackageJson, type JsonFile, type PackageJson } from './manifest.js';
import { matchFolders, workspacePatterns } from './workspaces.js';

/** The input files of a node artifact as text, before the (much bigger) work of understanding them. */
export interface Inputs {
  /** Absolute path of the project's root. */
  readonly root: string;
  /** Folder of the lock, relative to the project's root; '' for the root itself. */
  readonly folder: string;
  /** package.json */
  readonly manifest: JsonFile<PackageJson>;
  /** Relative to the project's root. */
  readonly lockFile: string;
  readonly lock: string;
  readonly npmrcFile: string;
  readonly npmrc: string;
  /** package.json of each workspace by folder, relative to the lock. */
  readonly workspaces: ReadonlyMap<string, string>;
}

export interface InputOptions {
  readonly root: string;
  /** package.json, relative to root. */
  readonly package: string;
  /** Where the project file names it. */
  readonly place: Place;
}

const LOCKS = ['npm-shrinkwrap.json', 'package-lock.json'];

export async function readInputs({ root, package: manifestFile, place }: InputOptions): Promise<Inputs> {
  const folder = posix.dirname(manifestFile) === '.' ? '' : posix.dirname(manifestFile);
  const text = await readInside(root, manifestFile);
  if (text === undefined) {
    fail({ reason: 'requirements', message: `${manifestFile} does not exist`, place, advice: 'Name the package.json whose lock lies beside it' });
  }
  const manifest = parsePackageJson(manifestFile, text);
  const workspaces = new Map<string, string>();
  for (const match of await matchFolders(join(root, folder), workspacePatterns(manifest.value))) {
    const found = await readInside(root, posix.join(folder, match, 'package.json'));
    if (found !== undefined) workspaces.set(match, found);
  }
  const npmrcFile = posix.join(folder, '.npmrc');
  for (const name of LOCKS) {
    const lockFile = posix.join(folder, name);
    const lock = await readInside(root, lockFile);
    if (lock !== undefined) return { root, folder, manifest, lockFile, lock, npmrcFile, npmrc: (await readInside(root, npmrcFile)) ?? '', workspaces };
  }
  return fail({
    reason: 'requirements',
    message: `there is no package-lock.json or npm-shrinkwrap.json beside ${manifestFile}`,
    place,
    advice: 'Run `npm install --package-lock-only` and commit the lock',
  });
}

/** Text of a file below root; undefined if there is none. A symbolic link may not lead out of the project. */
export async function readInside(root: string, path: string): Promise<string | undefined> {
  const real = await insidePath(root, path);
  return real === undefined ? undefined : readFile(real, 'utf8');
}

/** Absolute path of a file below root with links followed; undefined if there is none. Fails if it is outside. */
export async function insidePath(root: string, path: string): Promise<string | undefined> {
  const real = await realpath(join(root, path)).catch(missing);
  if (real === undefined) return undefined;
  const way = relative(await realpath(root), real);
  if (way === '..' || way.startsWith('../') || isAbsolute(way)) {
    fail({ reason: 'requirements', message: `${path} leads out of the project`, advice: 'Put the file into the project' });
  }
  return real;
}

/** Whether something lies there, as npm asks before it makes a `bin` link to a workspace. */
export async function existsInside(root: string, path: string): Promise<boolean> {
  return (await lstat(join(root, path)).catch(missing)) !== undefined;
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
