import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../core/failure.js';
import { errorCode } from './disk.js';

/**
 * Makes a folder and its missing parents, each exactly 0755 whatever the umask. What exists stays as it is. (Node's own
 * `recursive` reports ENOENT for a read-only file system, which says nothing to the user.)
 */
export function makeFolder(path: string): void {
  try {
    makeOne(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    makeFolder(dirname(path));
    makeOne(path);
  }
}

function makeOne(path: string): void {
  try {
    mkdirSync(path);
    chmodSync(path, 0o755);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/**
 * Makes a folder that others will write into, with what is missing above it. Fails `store` if it is a link: a checkout may
 * have brought that, and it leads to files that are none of ours.
 */
export async function realFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  if (!lstatSync(path).isDirectory()) fail({ reason: 'store', message: `${path} is a link`, advice: 'Remove it: it was not made by this program' });
  return path;
}
