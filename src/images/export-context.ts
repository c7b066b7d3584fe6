import { createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, readdir, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fail } from '../core/failure.js';
import { contextItems, dockerfilePlace, type ContextInputs } from './context-items.js';
import type { ExportedContext } from './planner.js';

/** Writes a context to a folder that is new or empty. Fails `usage` if it holds something. */
export async function exportContext(inputs: ContextInputs, folder: string): Promise<ExportedContext> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) {
    return fail({ reason: 'usage', message: `${folder} is not empty`, advice: 'name a folder that is new or empty' });
  }
  const modes: [string, number][] = [];
  for await (const { entry, content } of contextItems(inputs)) {
    const path = join(folder, entry.path);
    await mkdir(dirname(path), { recursive: true });
    if (entry.type === 'directory') {
      await mkdir(path, { recursive: true });
      modes.push([path, entry.mode]);
    } else if (entry.type === 'symlink') {
      await symlink(entry.target, path);
    } else if (entry.type === 'file') {
      const source = content === undefined || Buffer.isBuffer(content) ? [content ?? Buffer.alloc(0)] : content;
      await pipeline(Readable.from(source, { objectMode: false }), createWriteStream(path, { flags: 'wx' }));
      await utimes(path, entry.mtime, entry.mtime);
      modes.push([path, entry.mode]);
    }
  }
  // Folders last come first: one that may not be written to must not stop what goes below it.
  for (const [path, mode] of modes.reverse()) if (!(await lstat(path)).isSymbolicLink()) await chmod(path, mode);
  return { folder, dockerfile: dockerfilePlace(inputs).path };
}
