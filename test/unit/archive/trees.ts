import { createHash } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';

/** A generated tree: no node is below a non-folder. */
export interface TreeNode {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink';
  readonly mode: number;
  readonly content?: Buffer;
  readonly target?: string;
}

const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'a-b', 'lib', 'b', 'B', '.hidden', '...', 'x y', 'index.js', 'a.b') },
  { weight: 2, arbitrary: fc.constantFrom('ünï', '日本語', 'e\u0301', '😀', 'a\\b', 'new\nline', "it's", '-rf', '*') },
  { weight: 2, arbitrary: fc.constantFrom(40, 99, 100, 101, 155, 200).map((length) => 'n'.repeat(length)) },
  { weight: 1, arbitrary: fc.constant('ä'.repeat(60)) },
);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'));
const size = fc.constantFrom(0, 1, 511, 512, 513, 1024, 70_000, 300_000);
const node = fc.record({ path, kind: fc.constantFrom('file', 'file', 'file', 'directory', 'symlink', 'hardlink'), size, pick: fc.nat(), executable: fc.boolean() });

/** Trees with long and odd names, empty and big files, modes and links. */
export const trees: fc.Arbitrary<readonly TreeNode[]> = fc.array(node, { minLength: 1, maxLength: 25 }).map((nodes) => {
  const found = new Map<string, TreeNode>();
  const files: string[] = [];
  for (const { path: where, kind, size: bytes, pick, executable } of nodes) {
    const folders = parents(where);
    if (Buffer.byteLength(where) > 900 || found.has(where) || folders.some((folder) => (found.get(folder)?.type ?? 'directory') !== 'directory')) continue;
    for (const folder of folders) if (!found.has(folder)) found.set(folder, { path: folder, type: 'directory', mode: pick % 7 === 0 ? 0o700 : 0o755 });
    if (kind === 'directory') found.set(where, { path: where, type: 'directory', mode: executable ? 0o755 : 0o555 });
    else if (kind === 'symlink') found.set(where, { path: where, type: 'symlink', mode: 0o777, target: `${'../'.repeat(pick % (folders.length + 1))}${pick % 3 === 0 ? 'long-target-'.repeat(12) : 'ziel-ä'}` });
    else if (kind === 'hardlink' && files.length > 0) {
      const target = files[pick % files.length] as string;
      found.set(where, { ...(found.get(target) as TreeNode), path: where, type: 'hardlink', target });
    } else {
      files.push(where);
      found.set(where, { path: where, type: 'file', mode: executable ? 0o755 : [0o644, 0o600, 0o444][pick % 3] as number, content: Buffer.alloc(bytes, `${where}${pick}`) });
    }
  }
  return [...found.values()];
});

/** The same trees in every run. */
export function sampleTrees(count: number): readonly (readonly TreeNode[])[] {
  return fc.sample(trees, { numRuns: count, seed: 20_240_101 });
}

export function makeTree(dir: string, tree: readonly TreeNode[]): void {
  mkdirSync(dir, { recursive: true });
  for (const { path: where, type, content, target } of tree) {
    const real = join(dir, where);
    mkdirSync(dirname(real), { recursive: true });
    if (type === 'directory') mkdirSync(real, { recursive: true });
    else if (type === 'symlink') symlinkSync(target as string, real);
    else if (type === 'hardlink') linkSync(join(dir, target as string), real);
    else writeFileSync(real, content as Buffer);
  }
  for (const { path: where, type, mode } of [...tree].sort((a, b) => b.path.length - a.path.length)) if (type !== 'symlink') chmodSync(join(dir, where), mode);
}

/** What can be seen of a tree, one line for each path; hard links show the first of their names. */
export function snapshot(dir: string): string[] {
  const lines: string[] = [];
  const inodes = new Map<number, string>();
  const visit = (where: string): void => {
    for (const name of readdirSync(join(dir, where)).sort()) {
      const below = where === '' ? name : `${where}/${name}`;
      const real = join(dir, below);
      const stats = lstatSync(real);
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isSymbolicLink()) lines.push(`${JSON.stringify(below)} -> ${readlinkSync(real)}`);
      else if (stats.isDirectory()) lines.push(`${JSON.stringify(below)}/ ${mode}`);
      else {
        const first = inodes.get(stats.ino) ?? below;
        inodes.set(stats.ino, first);
        lines.push(`${JSON.stringify(below)} ${mode} ${stats.size} ${createHash('sha1').update(readFileSync(real)).digest('hex')} ${stats.nlink > 1 ? JSON.stringify(first) : ''}`);
      }
      if (stats.isDirectory()) visit(below);
    }
  };
  visit('');
  return lines;
}

function parents(where: string): string[] {
  const segments = where.split('/');
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
}

