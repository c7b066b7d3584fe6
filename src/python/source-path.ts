import { posix } from 'node:path';

/**
 * A path as requirement sources write it: relative to the root (`.` is the root) where it lies below it; else with leading
 * `..` if it was given relative, or absolute. `base` is the folder (relative to the root) that a relative path starts from.
 */
export function sourcePath(path: string, root: string, base = '.'): string {
  const absolute = posix.resolve(root, base, path);
  const relative = posix.relative(root, absolute) || '.';
  return isOutside(relative) && posix.isAbsolute(path) ? absolute : relative;
}

/** True for a path in that form that lies outside the root. */
export function isOutside(path: string): boolean {
  return posix.isAbsolute(path) || path === '..' || path.startsWith('../');
}

/** The path in a `file:` URL; relative ones (`file:./x`) are allowed as pip allows them. Undefined for another host's file. */
export function pathOfFileUrl(url: string): string | undefined {
  const match = /^file:(?:\/\/([^/]*))?(.*)$/is.exec(url);
  if (match === null || !['', 'localhost', undefined].includes(match[1])) return undefined;
  try {
    return decodeURIComponent(match[2] as string);
  } catch {
    return undefined;
  }
}
