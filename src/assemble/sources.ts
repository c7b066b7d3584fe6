import { posix } from 'node:path';
import { patternRegex } from '../docker/pattern.js';
import type { SourceEntry, SourceFiles } from './assemble.js';
import { resolveLinks } from './resolve-links.js';

/** One thing to copy: where it is, links followed, and the name that it was found under. */
export interface Found {
  readonly path: string;
  readonly name: string;
}

export async function lstatSource(files: SourceFiles, path: string): Promise<SourceEntry | undefined> {
  if (files.lstat !== undefined) return files.lstat(path);
  return (await files.list(path))?.find((entry) => entry.path === path);
}

/** Follows links within the files. */
export function resolveSource(files: SourceFiles, path: string): Promise<string> {
  return resolveLinks((at) => lstatSource(files, at), path);
}

/**
 * The things that a source of COPY names; undefined if that is no pattern and there is nothing. A pattern may match nothing.
 * Up to the first segment with a wildcard links are followed; from there on each segment matches real names.
 */
export async function findSources(files: SourceFiles, source: string): Promise<readonly Found[] | undefined> {
  const segments = posix.join('/', source).split('/').slice(1).filter((segment) => segment !== '');
  const wild = segments.findIndex(hasWildcard);
  if (wild === -1) {
    const path = await resolveSource(files, segments.join('/'));
    const found = path === '' || (await lstatSource(files, path)) !== undefined || (await files.list(path)) !== undefined;
    return found ? [{ path, name: segments.at(-1) ?? '' }] : undefined;
  }
  const base = await resolveSource(files, segments.slice(0, wild).join('/'));
  const below = await files.list(base);
  if (below === undefined) return base === '' ? [] : undefined;
  const matches = matcher(segments.slice(wild).join('/'));
  const prefix = base === '' ? '' : `${base}/`;
  const paths = below.map((entry) => entry.path).filter((path) => path !== base && matches(path.slice(prefix.length)));
  return Promise.all(paths.map(async (path) => ({ path: await resolveSource(files, path), name: posix.basename(path) })));
}

function hasWildcard(segment: string): boolean {
  return /^(?:[^\\*?[]|\\.)*[*?[]/su.test(segment);
}

/** Go's filepath.Match: `**` is no more than `*`, and a broken pattern matches nothing. */
function matcher(pattern: string): (path: string) => boolean {
  const single = pattern.replace(/\\.|\[(?:\\.|[^\]\\])*\]|\*+/gsu, (part) => (part.startsWith('*') ? '*' : part));
  try {
    const regex = patternRegex(single);
    return (path) => regex.test(path);
  } catch (error) {
    if (error instanceof SyntaxError) return () => false;
    throw error;
  }
}
