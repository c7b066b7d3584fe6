import { posix } from 'node:path';
import { fail } from '../../core/failure.js';
import type { Place } from '../../core/place.js';
import { isOutside } from '../source-path.js';
import { parseLockText } from './lock-text.js';
import type { LockedPackage } from './locked-package.js';
import type { LockOptions, Reading } from './reading.js';

export type LockFormat = 'pylock' | 'uv' | 'poetry';

/** What a file is by its name (`pylock.toml`, `pylock.NAME.toml`, `uv.lock`, `poetry.lock`); undefined: a requirements file. */
export function lockFormat(path: string): LockFormat | undefined {
  const name = posix.basename(path);
  if (/^pylock\.(?:[^.]+\.)?toml$/.test(name)) return 'pylock';
  return name === 'uv.lock' ? 'uv' : name === 'poetry.lock' ? 'poetry' : undefined;
}

export interface LockInput {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

/**
 * The packages that a lock selects for one environment, sorted by name. Throws Failed (reason `requirements`) with all that
 * is wrong: format version, syntax, an unknown extra or group, an interpreter or platform that the lock is not for.
 */
export async function readLock(input: LockInput, options: LockOptions): Promise<readonly LockedPackage[]> {
  const lock = await parseLockText(input.text, input.path);
  const place = { root: options.root, folder: posix.dirname(input.path) };
  const packages = await readFormat(lockFormat(input.path), { lock, place, options });
  const outside = packages.find(({ source }) => pathsOf(source).some(isOutside));
  if (outside !== undefined && options.allowOutside !== true) failOutside(outside.name, outside.place);
  return packages;
}

/** Only the format that is needed is loaded. */
async function readFormat(format: LockFormat | undefined, reading: Reading): Promise<readonly LockedPackage[]> {
  switch (format) {
    case 'pylock':
      return (await import('./pylock.js')).readPylock(reading);
    case 'uv':
      return (await import('./uv-lock.js')).readUvLock(reading);
    case 'poetry':
      return (await import('./poetry-lock.js')).readPoetryLock(reading);
    case undefined:
      throw new TypeError(`not a lock file: ${reading.lock.file}`);
  }
}

function pathsOf(source: LockedPackage['source']): readonly string[] {
  if (source.kind === 'path') return [source.path];
  return source.kind === 'index' ? source.files.flatMap((file) => file.path ?? []) : [];
}

function failOutside(name: string, place: Place): never {
  fail({ reason: 'requirements', message: `${name} is taken from outside the project`, place, advice: 'Move it into the project' });
}
