import { posix } from 'node:path';

/** Suffixes that editors, merges and tools leave; none of them makes another image. */
const NOT_IMAGES = new Set(['bak', 'backup', 'dockerignore', 'old', 'orig', 'rej', 'save', 'swo', 'swp', 'tmp', 'md', 'txt']);
/** Folders that hold other people's code. */
const DEPENDENCIES = new Set(['.git', '.artifacts', '.tox', '.venv', 'bower_components', 'node_modules', 'site-packages', 'vendor', 'venv']);

/** What the name of a Dockerfile says of its image: the text that follows the folder's name. Undefined: not a Dockerfile. */
export function imageSuffix(path: string): string | undefined {
  if (path.split('/').slice(0, -1).some((folder) => DEPENDENCIES.has(folder))) return undefined;
  const file = posix.basename(path);
  if (file === 'Dockerfile') return '';
  const named = /^([A-Za-z0-9][\w.-]*)\.Dockerfile$/.exec(file);
  if (named !== null) return `-${named[1] as string}`;
  const suffixed = /^Dockerfile([.-][\w.-]*[A-Za-z0-9])$/.exec(file);
  if (suffixed === null) return undefined;
  const last = (suffixed[1] as string).split('.').pop() as string;
  return NOT_IMAGES.has(last.toLowerCase()) ? undefined : suffixed[1];
}

export function isDependencyFolder(name: string): boolean {
  return DEPENDENCIES.has(name);
}
