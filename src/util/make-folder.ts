import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
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
