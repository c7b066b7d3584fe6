import { createHash } from 'node:crypto';
import { createReadStream, readdir, type Dirent } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Placed } from '../core/place.js';
import { compare } from '../core/record.js';
import { fail } from '../core/failure.js';

/** One input of a command: a path relative to the project's root, and what is in it. */
export interface Input {
  readonly path: string;
  /** `file:<mode> <sha256>` or `link:<target>`: what the key covers. */
  readonly content: string;
}

/** Never inputs, whatever the globs say: they are results or bookkeeping. */
const IGNORED = ['**/node_modules/**', '**/.git/**', '**/.artifacts/**'];

/** A symbolic link is an input as it is, whatever it leads to: tinyglobby would follow it or leave it out. */
const LINKS_ARE_FILES = {
  readdir: ((path: string, options: { withFileTypes: true }, done: (error: NodeJS.ErrnoException | null, entries: Dirent[]) => void) =>
    readdir(path, options, (error, entries) => done(error, entries?.map(asFile)))) as typeof readdir,
};

function asFile(entry: Dirent): Dirent {
  return entry.isSymbolicLink() ? Object.assign(entry, { isFile: () => true }) : entry;
}

/** The files and symbolic links that the globs match, sorted by code unit; a glob that matches nothing is a problem with its place. */
export async function findInputs(root: string, globs: readonly Placed<string>[]): Promise<string[]> {
  const { glob } = await import('tinyglobby');
  const found = new Set<string>();
  for (const { value, place } of globs) {
    const paths = await glob(value, { cwd: root, dot: true, ignore: IGNORED, followSymbolicLinks: false, expandDirectories: true, fs: LINKS_ARE_FILES });
    if (paths.length === 0) {
      fail({ reason: 'config', message: `no file matches the input "${value}"`, place, advice: 'inputs are globs relative to the project file' });
    }
    for (const path of paths) found.add(path);
  }
  return [...found].sort(compare);
}

/** What each input holds. Modes are reduced to executable or not, so that a checkout's umask changes no key. */
export async function readInputs(root: string, paths: readonly string[]): Promise<Input[]> {
  return Promise.all(
    paths.map(async (path) => {
      const absolute = join(root, path);
      const stat = await lstat(absolute);
      if (stat.isSymbolicLink()) return { path, content: `link:${await readlink(absolute)}` };
      const mode = (stat.mode & 0o111) === 0 ? '644' : '755';
      return { path, content: `file:${mode} ${await hashFile(absolute)}` };
    }),
  );
}

function hashFile(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    createReadStream(path)
      .on('error', reject)
      .on('data', (chunk) => hash.update(chunk))
      .on('end', () => resolve(hash.digest('hex')));
  });
}
