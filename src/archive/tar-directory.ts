import { isUtf8 } from 'node:buffer';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fail } from '../core/failure.js';
import { onDisk } from '../util/disk.js';
import { FIXED_TIME } from './entry.js';
import type { Entry } from './entry.js';
import { tarOf } from './pack-tar.js';
import type { PackItem } from './pack-tar.js';
import { comparePaths } from './paths.js';

export interface TarDirectoryOptions {
  /** Put before every path, as a folder of the archive that is listed too: `dist`. */
  readonly under?: string;
  /** Seconds for all entries, or `keep` for the files' own. Default: FIXED_TIME. */
  readonly mtime?: number | 'keep';
  /** Default 0:0. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Changes or leaves out (undefined) entries; a folder that is left out leaves out all below it. Must not change `path`. */
  readonly map?: (entry: Entry) => Entry | undefined;
  /** Sockets, devices and fifos: refused (reason `archive`) by default. */
  readonly special?: 'refuse' | 'skip';
}

/** The tree of a folder as a deterministic tar: sorted as `comparePaths` does, hard links within the tree kept, links never followed. */
export function tarDirectory(dir: string, options: TarDirectoryOptions = {}): Readable {
  return tarOf(directoryItems(dir, options));
}

/** The entries of a folder, sorted as `comparePaths` does, with the contents of files. */
export async function* directoryItems(dir: string, options: TarDirectoryOptions = {}): AsyncGenerator<PackItem> {
  const found = await onDisk(dir, () => walk(dir, options));
  found.sort((a, b) => comparePaths(a.entry.path, b.entry.path));
  const firsts = new Map<string, string>();
  for (const { entry, real, inode } of found) {
    if (entry.type !== 'file') {
      yield { entry };
      continue;
    }
    const first = inode === undefined ? undefined : firsts.get(inode);
    if (first !== undefined) {
      const { path, mode, uid, gid, mtime } = entry;
      yield { entry: { type: 'hardlink', path, mode, uid, gid, mtime, target: first } };
      continue;
    }
    if (inode !== undefined) firsts.set(inode, entry.path);
    yield { entry, content: entry.size <= SMALL ? readSmall(real, entry.size) : readBig(real, entry.size) };
  }
}

/** Up to here files are read at once and synchronously: many times faster than a stream for each. */
const SMALL = 256 * 1024;

function readSmall(real: string, size: number): Buffer {
  const fd = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    // One byte more, to see a file that has grown.
    const bytes = Buffer.allocUnsafe(size + 1);
    let filled = 0;
    for (let got = -1; got !== 0 && filled <= size; filled += got) got = readSync(fd, bytes, filled, size + 1 - filled, filled);
    if (filled !== size) changed(real);
    return bytes.subarray(0, size);
  } finally {
    closeSync(fd);
  }
}

async function* readBig(real: string, size: number): AsyncGenerator<Buffer> {
  let seen = 0;
  const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW);
  for await (const chunk of file.createReadStream({ highWaterMark: SMALL }) as AsyncIterable<Buffer>) {
    seen += chunk.length;
    if (seen > size) changed(real);
    yield chunk;
  }
  if (seen !== size) changed(real);
}

function changed(real: string): never {
  fail({ reason: 'archive', message: `${real} changed while it was read`, advice: 'Run again when nothing writes to it.' });
}

interface Found {
  readonly entry: Entry;
  readonly real: string;
  /** Of files that have several names. */
  readonly inode: string | undefined;
}

async function walk(dir: string, options: TarDirectoryOptions): Promise<Found[]> {
  const found: Found[] = [];
  const visit = async (real: string, path: string): Promise<void> => {
    const one = path === '' ? undefined : await look(real, path, options);
    if (one !== undefined) {
      const entry = options.map === undefined ? one.entry : options.map(one.entry);
      if (entry === undefined) return;
      found.push({ ...one, entry });
      if (entry.type !== 'directory') return;
    } else if (path !== '') {
      return;
    }
    for (const name of await readdir(real, { encoding: 'buffer' })) {
      if (!isUtf8(name)) fail({ reason: 'archive', message: `${real} holds a name that is not UTF-8 (${JSON.stringify(name.toString('latin1'))})` });
      const text = name.toString('utf8');
      await visit(join(real, text), path === '' ? text : `${path}/${text}`);
    }
  };
  await visit(dir, options.under ?? '');
  return found;
}

async function look(real: string, path: string, options: TarDirectoryOptions): Promise<Found | undefined> {
  const stats = await lstat(real);
  const owner = options.owner ?? { uid: 0, gid: 0 };
  const mtime = options.mtime === 'keep' ? Math.floor(stats.mtimeMs / 1000) : (options.mtime ?? FIXED_TIME);
  const common = { path, mode: stats.mode & 0o7777, uid: owner.uid, gid: owner.gid, mtime };
  if (stats.isFile()) {
    const inode = stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : undefined;
    return { entry: { type: 'file', ...common, size: stats.size }, real, inode };
  }
  if (stats.isDirectory()) return { entry: { type: 'directory', ...common }, real, inode: undefined };
  if (stats.isSymbolicLink()) return { entry: { type: 'symlink', ...common, mode: 0o777, target: await readlink(real) }, real, inode: undefined };
  if (options.special === 'skip') return undefined;
  return fail({ reason: 'archive', message: `${real} is a socket, fifo or device, which an archive can't hold` });
}
