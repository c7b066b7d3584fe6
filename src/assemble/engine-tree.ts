import type { Readable } from 'node:stream';
import { ByteSource } from '../archive/byte-source.js';
import { parentOf } from '../archive/paths.js';
import { TarReader, type RawEntry } from '../archive/tar-reader.js';
import { Failed } from '../core/failure.js';
import type { Engine } from '../engine/engine.js';
import { memoised } from '../util/memo.js';
import { lookContainer, type LookContainer, type LookOptions } from './engine-container.js';
import type { Tree, TreeNode } from './tree.js';

/** Engines put it into containers; images do not have it. */
const NOT_OF_THE_IMAGE = new Set(['.dockerenv', 'dev/console']);
const READ_LIMIT = 1024 * 1024;

/** The file system of an image that the engine has. Only headers are read, but for small files; `close` removes what was made for it. */
export function engineTree(engine: Engine, image: string, options?: LookOptions): Tree & { close(): Promise<void> } {
  const container = lookContainer(engine, image, options);
  return { ...treeOf(container), close: container.close };
}

export function treeOf(container: LookContainer): Tree {
  const lstat = memoised(async (path: string): Promise<TreeNode | undefined> => {
    // The engine follows links in the folders above.
    if (path !== '' && (await lstat(parentOf(path)))?.type !== 'directory') return undefined;
    if (NOT_OF_THE_IMAGE.has(path)) return undefined;
    try {
      return await container.read(path, firstNode);
    } catch (error) {
      // Engines refuse to tell of a link that leads in a circle.
      const node = error instanceof Failed ? await container.read(parentOf(path), (tar) => nodeWithin(tar, path)) : undefined;
      if (node === undefined) throw error;
      return node;
    }
  });
  const readFile = memoised(async (path: string): Promise<Buffer | undefined> => {
    const node = await lstat(path);
    if (node?.type !== 'file' || node.size > READ_LIMIT) return undefined;
    return container.read(path, (tar) => readEntries(tar, path, async (reader) => ((await reader.next()) === undefined ? undefined : contentOf(reader))));
  });
  return { lstat, readFile };
}

/** Works on a tar of the engine, entry by entry. */
export async function readEntries<T>(tar: Readable, path: string, work: (reader: TarReader) => Promise<T>): Promise<T> {
  const bytes = new ByteSource(tar);
  const reader = new TarReader(bytes, `the engine's tar of /${path}`);
  try {
    return await work(reader);
  } finally {
    reader.close();
    // First the source: a read of it that is under way would hold up the rest.
    tar.destroy();
    await bytes.close();
  }
}

async function contentOf(reader: TarReader): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let chunk = await reader.some(); chunk !== undefined; chunk = await reader.some()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What the first header says; the rest is not downloaded. */
function firstNode(tar: Readable): Promise<TreeNode | undefined> {
  return readEntries(tar, '', async (reader) => {
    const entry = await reader.next();
    return entry === undefined ? undefined : nodeOf(entry);
  });
}

/** The same, out of the tar of the folder. */
function nodeWithin(tar: Readable, path: string): Promise<TreeNode | undefined> {
  const depth = parentOf(path) === '' ? 1 : 2;
  return readEntries(tar, parentOf(path), async (reader) => {
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
      const segments = entry.name.split('/').filter((segment) => segment !== '' && segment !== '.');
      if (segments.length === depth && segments.at(-1) === path.slice(path.lastIndexOf('/') + 1)) return nodeOf(entry);
    }
    return undefined;
  });
}

function nodeOf({ type, mode, uid, gid, size, target, extended }: RawEntry): TreeNode {
  if (type === 'directory') return { type, mode, uid, gid, ...(extended ? { extended } : {}) };
  if (type === 'symlink') return { type, target, uid, gid };
  if (type === 'file') return { type, mode, uid, gid, size };
  return { type: 'other', mode, uid, gid };
}
