import { Readable } from 'node:stream';
import { ByteSource } from '../../../src/archive/byte-source.js';
import { TarReader } from '../../../src/archive/tar-reader.js';
import type { Tree, TreeNode } from '../../../src/assemble/tree.js';
import { sha256 } from './node.js';

/** What is compared of a path. */
export interface Item {
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly hash: string;
  readonly target: string;
  readonly extended: boolean;
}

/** A merged file system: path → what is there. */
export type FileTree = ReadonlyMap<string, Item>;

const KEEP = new Map<string, Buffer>();

/** Lays layer tars over a tree as the OCI image layer specification says. */
export async function applyLayers(below: FileTree, layers: readonly Buffer[]): Promise<FileTree> {
  const tree = new Map(below);
  for (const layer of layers) await applyLayer(tree, layer);
  return tree;
}

async function applyLayer(tree: Map<string, Item>, layer: Buffer): Promise<void> {
  const own = new Set<string>();
  const reader = new TarReader(new ByteSource(Readable.from([layer], { objectMode: true })), 'a layer');
  for (let raw = await reader.next(); raw !== undefined; raw = await reader.next()) {
    const path = raw.name.split('/').filter((segment) => segment !== '' && segment !== '.').join('/');
    const name = path.slice(path.lastIndexOf('/') + 1);
    const above = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (name === '.wh..wh..opq') {
      for (const known of [...tree.keys()]) if (known.startsWith(`${above}/`) && !own.has(known)) tree.delete(known);
      continue;
    }
    if (name.startsWith('.wh.')) {
      remove(tree, above === '' ? name.slice(4) : `${above}/${name.slice(4)}`);
      continue;
    }
    if (path === '') continue;
    own.add(path);
    if (raw.type === 'hardlink') {
      tree.set(path, tree.get(raw.target.split('/').filter((segment) => segment !== '' && segment !== '.').join('/'))!);
      continue;
    }
    const chunks: Buffer[] = [];
    for (let chunk = await reader.some(); chunk !== undefined; chunk = await reader.some()) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    const before = tree.get(path);
    if (before !== undefined && (before.type !== 'directory' || raw.type !== 'directory')) remove(tree, path);
    const hash = raw.type === 'file' ? sha256(content) : '';
    if (content.length < 65_536) KEEP.set(hash, content);
    tree.set(path, {
      type: raw.type,
      mode: raw.type === 'symlink' ? 0o777 : raw.mode,
      uid: raw.uid,
      gid: raw.gid,
      size: raw.size,
      hash,
      target: raw.type === 'symlink' ? raw.target : '',
      extended: raw.extended,
    });
  }
}

function remove(tree: Map<string, Item>, path: string): void {
  for (const known of [...tree.keys()]) if (known === path || known.startsWith(`${path}/`)) tree.delete(known);
}

/** Differences in words, empty if there are none. Folders that engines put into every container are not looked at. */
export function differences(ours: FileTree, theirs: FileTree): string[] {
  const paths = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
  return paths.flatMap((path) => {
    const [a, b] = [ours.get(path), theirs.get(path)].map(describe);
    return a === b ? [] : [`${path}: ours ${a}, the engine's ${b}`];
  });
}

function describe(item: Item | undefined): string {
  if (item === undefined) return 'nothing';
  const { type, mode, uid, gid, size, hash, target, extended } = item;
  return `${type} ${mode.toString(8)} ${uid}:${gid} ${type === 'file' ? `${size} ${hash.slice(0, 8)}` : target}${extended ? ' xattr' : ''}`;
}

/** A tree as assembling asks it. */
export function asTree(tree: FileTree): Tree {
  return {
    lstat: async (path) => (path === '' ? { type: 'directory', mode: 0o755, uid: 0, gid: 0 } : nodeOf(tree.get(path))),
    readFile: async (path) => KEEP.get(tree.get(path)?.hash ?? ''),
  };
}

export function nodeOf(item: Item | undefined): TreeNode | undefined {
  if (item === undefined) return undefined;
  const { type, mode, uid, gid, size, target, extended } = item;
  if (type === 'directory') return { type, mode, uid, gid, ...(extended ? { extended } : {}) };
  if (type === 'symlink') return { type, target, uid, gid };
  return type === 'file' ? { type, mode, uid, gid, size } : { type, mode, uid, gid };
}

export function contentOf(item: Item): Buffer {
  return KEEP.get(item.hash)!;
}
