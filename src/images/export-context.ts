import { createWriteStream } from 'node:fs';
import { chmod, lchown, mkdir, readdir, stat, symlink, utimes } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ancestorsOf } from '../archive/paths.js';
import { fail } from '../core/failure.js';
import { diskError, errorCode } from '../util/disk.js';
import { contextItems, dockerfilePlace, type ContextInputs } from './context-items.js';
import type { ExportedContext } from './planner.js';

/**
 * Writes a context to a folder that is new or empty. Fails `usage` if it holds something. Run by root, all of it belongs to
 * whom the folder, or the one that it was made in, belongs to.
 */
export async function exportContext(inputs: ContextInputs, folder: string): Promise<ExportedContext> {
  const own = await ownership(folder);
  await newFolder(folder, own);
  if ((await readdir(folder)).length > 0) {
    return fail({ reason: 'usage', message: `${folder} is not empty`, advice: 'name a folder that is new or empty' });
  }
  const modes: [string, number][] = [];
  /** Only what is ours and comes last, artifacts, can be meant to lie below one. */
  const links = new Set<string>();
  for await (const { entry, content } of contextItems(inputs)) {
    const path = join(folder, entry.path);
    if (ancestorsOf(entry.path).some((above) => links.has(above))) {
      return fail({ reason: 'build', message: `${entry.path} would lie behind a link of the context, outside of ${folder}`, advice: 'name the link in .dockerignore' });
    }
    await newFolder(dirname(path), own);
    if (entry.type === 'directory') {
      await newFolder(path, own);
      modes.push([path, entry.mode]);
    } else if (entry.type === 'symlink') {
      await symlink(entry.target, path);
      links.add(entry.path);
      await own(path);
    } else if (entry.type === 'file') {
      const source = content === undefined || Buffer.isBuffer(content) ? [content ?? Buffer.alloc(0)] : content;
      await pipeline(Readable.from(source, { objectMode: false }), createWriteStream(path, { flags: 'wx' }));
      await own(path);
      await utimes(path, entry.mtime, entry.mtime);
      modes.push([path, entry.mode]);
    }
  }
  // Folders last come first: one that may not be written to must not stop what goes below it.
  for (const [path, mode] of modes.reverse()) await chmod(path, mode);
  return { folder, dockerfile: dockerfilePlace(inputs).path };
}

type Own = (path: string) => Promise<void>;

async function newFolder(path: string, own: Own): Promise<void> {
  const first = await mkdir(path, { recursive: true }).catch((error: unknown) => {
    const code = errorCode(error);
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw diskError(error, path);
    return fail({ reason: 'usage', message: `${path} is a file, or below one`, advice: 'Name a folder that is new or empty' });
  });
  if (first === undefined) return;
  for (let at = resolve(path); ; at = dirname(at)) {
    await own(at);
    if (at === resolve(first)) return;
  }
}

/** Hands a new path to the owner of the nearest folder that is there already; nothing to do unless we are root. */
async function ownership(folder: string): Promise<Own> {
  if (process.getuid?.() !== 0) return async () => undefined;
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found !== undefined) return (path) => lchown(path, found.uid, found.gid);
  }
}
