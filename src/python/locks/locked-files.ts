import { posix } from 'node:path';
import type { LockedFile } from './locked-package.js';
import { sourcePath } from '../source-path.js';
import { parseHash, sourceUrl } from '../source-url.js';
import { asSize, asTable, asText, show } from './lock-text.js';

/** Where the paths in a lock start from. */
export interface LockPlace {
  /** Absolute path of the project's root. */
  readonly root: string;
  /** Folder of the lock, relative to the root. */
  readonly folder: string;
}

/** A path written in a lock, in source form. */
export function lockPath(path: string, place: LockPlace): string {
  return sourcePath(path, place.root, place.folder);
}

/** An entry with `url` or `path`, a hash in one of the ways locks write it, and a size. Undefined if it names no file. */
export function lockedFile(value: unknown, place: LockPlace): LockedFile | undefined {
  const entry = asTable(value);
  const [url, path] = [asText(entry['url']), asText(entry['path'])];
  const filename = asText(entry['filename']) ?? asText(entry['name']) ?? asText(entry['file']) ?? (path === undefined ? filenameOfUrl(url ?? '') : posix.basename(path));
  if (filename === '') return undefined;
  const size = asSize(entry['size']);
  return {
    filename,
    ...(url === undefined ? {} : { url: sourceUrl(url.split('#')[0] as string) }),
    ...(path === undefined ? {} : { path: lockPath(path, place) }),
    hashes: hashesOf(entry),
    ...(size === undefined ? {} : { size }),
  };
}

/** `hash = "sha256:…"` or `hashes = { sha256 = "…" }`; unknown algorithms and broken digests are left out. */
export function hashesOf(entry: Readonly<Record<string, unknown>>): readonly string[] {
  const single = asText(entry['hash']);
  const many = Object.entries(asTable(entry['hashes'])).map(([algorithm, digest]) => `${algorithm}:${show(digest)}`);
  const all = (single === undefined ? many : [single, ...many]).map(parseHash);
  return all.filter((hash) => hash !== undefined).sort();
}

export function filenameOfUrl(url: string): string {
  const segment = posix.basename(url.replace(/[?#].*$/s, ''));
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
