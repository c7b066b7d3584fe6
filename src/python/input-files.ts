import { posix } from 'node:path';
import type { PythonSpec } from '../config/project.js';
import { lockFormat } from './locks/read-lock.js';
import type { RequirementInput } from './requirement.js';
import { isOutside } from './source-path.js';

/** What a change of reaches the set: its files, those that they include (`-r`, `-c`), and sources that lie in the project. */
export function inputFiles({ requirements }: PythonSpec, input: RequirementInput): readonly string[] {
  const locks = requirements.filter(({ value }) => lockFormat(value) !== undefined).map(({ value }) => value);
  const sources = input.requirements.flatMap(({ source }) => (source.kind === 'path' ? [source.path] : []));
  // What a lock is for is said beside it.
  const beside = locks.map((lock) => posix.join(posix.dirname(lock), 'pyproject.toml'));
  return [...new Set([...input.files, ...locks, ...beside, ...sources])].filter((path) => !isOutside(path));
}
