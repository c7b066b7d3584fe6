import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageJson } from './manifest.js';

/** The patterns of a package.json's `workspaces`. */
export function workspacePatterns(manifest: PackageJson): readonly string[] {
  const { workspaces } = manifest;
  const patterns = Array.isArray(workspaces) ? workspaces : ((workspaces as { packages?: readonly string[] } | undefined)?.packages ?? []);
  return patterns.filter((pattern) => typeof pattern === 'string');
}

/**
 * Folders (relative to `base`, `/`-separated, in order of the patterns) that the patterns match, as npm matches them:
 * `!` takes away, unless a later pattern names it again; node_modules is never looked into. The caller keeps those with
 * a package.json.
 */
export async function matchFolders(base: string, patterns: readonly string[]): Promise<readonly string[]> {
  const wanted: string[][] = [];
  let denied: { readonly pattern: string; readonly test: RegExp }[] = [];
  for (const written of patterns) {
    const bangs = /^!*/.exec(written)?.[0].length ?? 0;
    const pattern = written.slice(bangs).replace(/^\.?\/+/, '').replace(/\/+$/, '');
    if (bangs % 2 === 1) {
      denied.push({ pattern, test: new RegExp(`^${pattern.split('/').map((segment) => (segment === '**' ? '.*' : source(segment))).join('/')}$`) });
    } else {
      denied = denied.filter(({ test }) => !test.test(pattern));
      wanted.push(pattern.split('/').filter((segment) => segment !== '' && segment !== '.'));
    }
  }
  const found = new Set<string>();
  for (const segments of wanted) for (const folder of await expand(base, '', segments)) found.add(folder);
  return [...found].filter((folder) => !denied.some(({ test }) => test.test(folder)));
}

async function expand(base: string, folder: string, segments: readonly string[]): Promise<readonly string[]> {
  const [segment, ...rest] = segments;
  if (segment === undefined) return folder === '' ? [] : [folder];
  if (segment === '..') return [];
  if (!/[*?[{]/.test(segment)) return expand(base, under(folder, segment), rest);
  const names = await folders(join(base, folder));
  const found: string[] = [];
  if (segment === '**') found.push(...(await expand(base, folder, rest)));
  for (const name of names) {
    if (segment === '**') found.push(...(await expand(base, under(folder, name), segments)));
    else if (new RegExp(`^${source(segment)}$`).test(name)) found.push(...(await expand(base, under(folder, name), rest)));
  }
  return found;
}

async function folders(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.'));
  return names.map((entry) => entry.name).sort();
}

function under(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/** The regular expression of one segment of a glob. */
function source(segment: string): string {
  return segment.replace(/\{([^{}]*)\}|\[(!?)([^\]]*)\]|\*+|\?|[.+^$()|\\\]{}]/g, (token, words: string | undefined, not: string | undefined, set: string | undefined) => {
    if (words !== undefined) return `(?:${words.split(',').map(source).join('|')})`;
    if (set !== undefined) return `[${not ? '^' : ''}${set.replace(/[\\^]/g, '\\$&')}]`;
    if (token.startsWith('*')) return '[^/]*';
    return token === '?' ? '[^/]' : `\\${token}`;
  });
}
