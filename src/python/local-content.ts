import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fail } from '../core/failure.js';
import type { Place } from '../core/place.js';
import { hashTree } from './source-tree.js';

/** What a path of a requirement holds now. */
export interface LocalContent {
  readonly kind: 'file' | 'tree';
  /** SHA-256: of the file's bytes, or of the tree's names and contents. */
  readonly hash: string;
}

/** Reads and hashes a file or folder that a requirement names; fails (`requirements`) if there is nothing to install. */
export async function localContent(path: string, { root, place }: { readonly root: string; readonly place: Place }): Promise<LocalContent> {
  const absolute = resolve(root, path);
  const found = await stat(absolute).catch(() => undefined);
  if (found === undefined) return fail({ reason: 'requirements', message: `there is no file or folder ${path}`, place, advice: 'check the path: it is relative to the folder of the project file' });
  if (found.isFile()) return { kind: 'file', hash: await hashFile(absolute) };
  const isProject = await Promise.all(['pyproject.toml', 'setup.py'].map((name) => stat(resolve(absolute, name)).then(() => true, () => false)));
  if (!isProject.includes(true)) return fail({ reason: 'requirements', message: `${path} has neither pyproject.toml nor setup.py`, place });
  return { kind: 'tree', hash: await hashTree(absolute) };
}

/** SHA-256 of a file, in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
