import { link, lstat, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Emit } from '../core/events.js';
import { errorCode } from '../util/disk.js';
import type { Layout } from './layout.js';

export interface SetAsideContext {
  readonly layout: Layout;
  readonly emit: Emit;
  /** A part of a file name that nobody else uses. */
  unique(): string;
}

/**
 * Moves a corrupt file to corrupt/ and warns. `inode` is that of the bytes that were judged: a good file that somebody
 * put there in the meantime stays, or comes back.
 */
export async function setAside(context: SetAsideContext, bad: { path: string; inode: number; what: string }): Promise<void> {
  const to = join(context.layout.corrupt, `${basename(bad.path)}.${context.unique()}`);
  try {
    if ((await lstat(bad.path)).ino !== bad.inode) return;
    await rename(bad.path, to);
    if ((await lstat(to)).ino !== bad.inode) return await putBack(to, bad.path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return; // somebody else was first, and has said so
    return warn(context, `${bad.what} is corrupt and can't be set aside: ${errorCode(error) ?? String(error)}`, bad.path);
  }
  warn(context, `${bad.what} was corrupt; it is set aside and made anew`, to);
}

function warn(context: SetAsideContext, message: string, path: string): void {
  context.emit({ type: 'warning', problem: { reason: 'store', message, detail: [path] } });
}

async function putBack(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => undefined);
  await rm(from, { force: true });
}
