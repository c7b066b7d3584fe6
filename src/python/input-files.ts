import { posix } from 'node:path';
import type { Context } from '../artifact/kind.js';
import type { PythonSpec } from '../config/project.js';
import { readFiles } from './inputs.js';
import { lockFormat } from './locks/read-lock.js';
import { isOutside } from './source-path.js';

/** What a change of reaches the set: its files, those that they include (`-r`, `-c`), and sources that lie in the project. */
export async function inputFiles({ requirements }: PythonSpec, from: Pick<Context, 'root' | 'env'>): Promise<readonly string[]> {
  const locks = requirements.filter(({ value }) => lockFormat(value) !== undefined).map(({ value }) => value);
  const input = await readFiles(requirements.filter(({ value }) => lockFormat(value) === undefined), from);
  const sources = input.requirements.flatMap(({ source }) => (source.kind === 'path' ? [source.path] : []));
  // What a lock is for is said beside it.
  const beside = locks.map((lock) => posix.join(posix.dirname(lock), 'pyproject.toml'));
  return [...new Set([...input.files, ...locks, ...beside, ...sources])].filter((path) => !isOutside(path));
}
