import { constants, closeSync, fchmodSync, fchownSync, futimesSync, lchownSync, linkSync, lstatSync, mkdirSync, openSync, rmSync, symlinkSync, lutimesSync, writeSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fail } from '../core/failure.js';
import { diskError } from '../util/disk.js';
import { FIXED_TIME } from './entry.js';
import type { Entry } from './entry.js';
import { ancestorsOf, parentOf } from './paths.js';
import { readTar } from './read-tar.js';
import type { ReadTarOptions } from './read-tar.js';

export interface ExtractOptions extends ReadTarOptions {
  /** Sets this time (seconds) on all that is made, folders too; by default the archive's own. */
  readonly mtime?: number;
  /** Gives all that is made to this owner (needs root unless it is ourselves); by default the owner is who runs. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Changes or leaves out (undefined) entries before they are made. */
  readonly map?: (entry: Entry) => Entry | undefined;
}

/**
 * Extracts an untrusted tar into an existing folder. Nothing is ever followed: a link in the way, made by the archive or
 * there before, is refused below and replaced at the end of a path. Modes are set exactly, whatever the umask; folders get
 * theirs last, so that read-only ones can be filled. What was extracted before a failure stays.
 */
export async function extractTar(source: Readable, dir: string, options: ExtractOptions): Promise<void> {
  const target = new Target(dir, options);
  for await (const { entry: found, content } of readTar(source, options)) {
    const entry = options.map === undefined ? found : options.map(found);
    if (entry === undefined) continue;
    try {
      if (entry.type === 'file') await target.file(entry, content);
      else target.make(entry);
    } catch (error) {
      throw diskError(error, join(dir, entry.path));
    }
  }
  target.finishFolders();
}

/** Synchronous calls throughout: for tens of thousands of small files they are several times faster than the thread pool. */
class Target {
  readonly #dir: string;
  readonly #options: ExtractOptions;
  /** Known to be real folders. */
  readonly #real = new Set<string>(['']);
  readonly #folders = new Map<string, { readonly mode: number; readonly mtime: number }>();

  constructor(dir: string, options: ExtractOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  async file(entry: Entry, content: AsyncIterable<Buffer>): Promise<void> {
    const path = this.#clear(entry.path);
    const fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW, 0o600);
    try {
      for await (const chunk of content) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
      const { owner } = this.#options;
      // Owner first: changing it clears set-user-ID bits.
      if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid);
      fchmodSync(fd, entry.mode);
      const time = this.#options.mtime ?? entry.mtime;
      futimesSync(fd, time, time);
    } finally {
      closeSync(fd);
    }
  }

  make(entry: Entry): void {
    if (entry.type === 'directory') {
      this.#enter(entry.path);
      this.#folders.set(entry.path, { mode: entry.mode, mtime: entry.mtime });
    } else if (entry.type === 'hardlink') {
      this.#enter(parentOf(entry.target));
      linkSync(join(this.#dir, entry.target), this.#clear(entry.path));
    } else if (entry.type === 'symlink') {
      const path = this.#clear(entry.path);
      symlinkSync(entry.target, path);
      const time = this.#options.mtime ?? entry.mtime;
      if (this.#options.owner !== undefined) lchownSync(path, this.#options.owner.uid, this.#options.owner.gid);
      lutimesSync(path, time, time);
    }
  }

  /** Children before parents: filling a folder changes its time, and its mode may forbid it. */
  finishFolders(): void {
    const paths = [...this.#folders.keys()].sort((a, b) => (a < b ? 1 : -1));
    for (const path of paths) {
      const { mode, mtime } = this.#folders.get(path) as { mode: number; mtime: number };
      const real = join(this.#dir, path);
      const { owner } = this.#options;
      if (owner !== undefined) lchownSync(real, owner.uid, owner.gid);
      chmodSync(real, mode);
      const time = this.#options.mtime ?? mtime;
      lutimesSync(real, time, time);
    }
  }

  /** The real path, with its parents made and whatever lay there removed. */
  #clear(path: string): string {
    this.#enter(parentOf(path));
    const real = join(this.#dir, path);
    const before = lstatSync(real, { throwIfNoEntry: false });
    if (before !== undefined) {
      if (before.isDirectory()) fail({ reason: 'archive', message: `${this.#options.subject}: ${real} is a folder already` });
      rmSync(real);
    }
    return real;
  }

  /** Makes a folder and its parents, and checks that what is there already is a real folder. */
  #enter(folder: string): void {
    if (this.#real.has(folder)) return;
    for (const path of [...ancestorsOf(folder), folder]) {
      if (this.#real.has(path)) continue;
      const real = join(this.#dir, path);
      const before = lstatSync(real, { throwIfNoEntry: false });
      if (before === undefined) {
        mkdirSync(real, 0o700);
        this.#folders.set(path, { mode: 0o755, mtime: this.#options.mtime ?? FIXED_TIME });
      } else if (!before.isDirectory()) {
        fail({ reason: 'archive', message: `${this.#options.subject}: ${real} is in the way and not a folder` });
      }
      this.#real.add(path);
    }
  }
}
