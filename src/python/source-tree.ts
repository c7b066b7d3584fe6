import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { FIXED_TIME } from '../archive/entry.js';
import type { PackItem } from '../archive/pack-tar.js';
import { compare, hashRecord } from '../core/record.js';

/** One file or link of a source tree. */
interface TreeFile {
  /** Relative to the tree, `/`-separated. */
  readonly path: string;
  readonly executable: boolean;
  readonly size: number;
  readonly target?: string;
}

/** Results of earlier builds, caches and histories: they change without the package changing. */
const IGNORED = new Set(['.git', '.hg', '.svn', '.artifacts', '__pycache__', 'node_modules', '.venv', '.tox', '.nox', '.mypy_cache', '.pytest_cache', '.ruff_cache']);
const IGNORED_AT_TOP = new Set(['build', 'dist']);

/** Hash of the files of a local requirement: what is in it is what is built. */
export async function hashTree(dir: string): Promise<string> {
  const files = await treeFiles(dir);
  const entries = await Promise.all(files.map(async (file) => [file.path, await identity(join(dir, file.path), file)] as const));
  return hashRecord<string>(Object.fromEntries(entries));
}

/** The same files as a tar, below `folder`, for the builder. */
export async function* treeItems(dir: string, folder: string): AsyncGenerator<PackItem> {
  for (const file of await treeFiles(dir)) {
    const common = { path: `${folder}/${file.path}`, uid: 0, gid: 0, mtime: FIXED_TIME };
    if (file.target !== undefined) {
      yield { entry: { ...common, type: 'symlink', mode: 0o777, target: file.target } };
    } else {
      const content: Readable = createReadStream(join(dir, file.path));
      yield { entry: { ...common, type: 'file', mode: file.executable ? 0o755 : 0o644, size: file.size }, content };
    }
  }
}

async function identity(path: string, file: TreeFile): Promise<string> {
  if (file.target !== undefined) return `link ${file.target}`;
  const hash = createHash('sha256').update(await readFile(path)).digest('hex');
  return `${file.executable ? 'x' : '-'} ${hash}`;
}

async function treeFiles(dir: string, below = ''): Promise<readonly TreeFile[]> {
  const names = (await readdir(join(dir, below))).sort(compare);
  const found: TreeFile[] = [];
  for (const name of names) {
    if (IGNORED.has(name) || name.endsWith('.egg-info') || name.endsWith('.pyc') || (below === '' && IGNORED_AT_TOP.has(name))) continue;
    const path = below === '' ? name : `${below}/${name}`;
    const info = await lstat(join(dir, path));
    if (info.isDirectory()) found.push(...(await treeFiles(dir, path)));
    else if (info.isSymbolicLink()) found.push({ path, executable: false, size: 0, target: await readlink(join(dir, path)) });
    else if (info.isFile()) found.push({ path, executable: (info.mode & 0o111) !== 0, size: info.size });
  }
  return found;
}
