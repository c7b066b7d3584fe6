import type { Readable } from 'node:stream';
import { FIXED_TIME } from './entry.js';
import type { Entry } from './entry.js';
import { packing } from './pack-tar.js';
import type { PackItem, TarPack } from './pack-tar.js';
import { ancestorsOf, cleanPath, comparePaths, unsafePath } from './paths.js';
import { refuse, refuseEntry } from './refusal.js';
import { Spool } from './spool.js';
import type { Kept } from './spool.js';
import { TreeGuard } from './tree-guard.js';

export interface BuildPieceOptions {
  /** What the piece is of, for messages: `lodash 4.17.21`. */
  readonly subject: string;
  /** Bytes of contents that may stay in memory; default 8 MiB. */
  readonly memory?: number;
  /** Folder for what doesn't; default the system's temporary folder. */
  readonly spool?: string;
}

const MEMORY = 2 * 1024 * 1024;

/** A path of the piece; hard links share `kept`. */
type Node = { readonly type: 'directory'; readonly mode: number } | { readonly type: 'symlink'; readonly target: string } | { readonly type: 'file'; readonly mode: number; readonly size: number; readonly kept: Kept };

/**
 * A piece out of entries in any order: sorted as `comparePaths` does, every folder explicit (0755 where the source has none), fixed
 * time, owner 0:0, links 0777. Of several entries at one path the last one counts. Consumes all items, then gives the
 * stream; destroying it frees what was put aside.
 */
export async function buildPiece(items: AsyncIterable<PackItem> | Iterable<PackItem>, options: BuildPieceOptions): Promise<Readable> {
  const spool = new Spool({ folder: options.spool, memory: options.memory ?? MEMORY });
  try {
    const nodes = await collect(items, { spool, subject: options.subject });
    const stream = packing((pack) => write(pack, { nodes, spool }));
    return stream.once('close', () => void spool.close());
  } catch (error) {
    await spool.close();
    throw error;
  }
}

async function collect(items: AsyncIterable<PackItem> | Iterable<PackItem>, { spool, subject }: { spool: Spool; subject: string }): Promise<Map<string, Node>> {
  const nodes = new Map<string, Node>();
  const guard = new TreeGuard();
  for await (const { entry, content } of items) {
    const unsafe = unsafePath(entry.path) ?? (cleanPath(entry.path) !== entry.path || entry.path === '' ? 'has a name that is not clean' : undefined);
    if (unsafe !== undefined) refuseEntry(subject, entry.path, unsafe);
    const verdict = guard.admit(entry.path, entry.type);
    if (typeof verdict === 'object') refuseEntry(subject, entry.path, verdict.complaint);
    for (const folder of ancestorsOf(entry.path)) if (!nodes.has(folder)) nodes.set(folder, { type: 'directory', mode: 0o755 });
    nodes.set(entry.path, await nodeOf(entry, { content, nodes, spool, subject }));
  }
  return nodes;
}

interface Collecting {
  readonly content: PackItem['content'];
  readonly nodes: ReadonlyMap<string, Node>;
  readonly spool: Spool;
  readonly subject: string;
}

async function nodeOf(entry: Entry, { content, nodes, spool, subject }: Collecting): Promise<Node> {
  if (entry.type === 'directory') return { type: 'directory', mode: entry.mode };
  if (entry.type === 'symlink') return { type: 'symlink', target: entry.target };
  if (entry.type === 'file') {
    const kept = await spool.keep(content ?? Buffer.alloc(0), entry.size);
    const size = 'bytes' in kept ? kept.bytes.length : kept.size;
    if (size !== entry.size) throw new Error(`the content of ${entry.path} of ${subject} is not of the size that its entry says (${entry.size})`);
    return { type: 'file', mode: entry.mode, size, kept };
  }
  const target = nodes.get(entry.target);
  if (target?.type !== 'file') refuse(subject, `entry ${JSON.stringify(entry.path)} is a hard link to ${JSON.stringify(entry.target)}, which is no earlier file`);
  return target;
}

async function write(pack: TarPack, { nodes, spool }: { readonly nodes: ReadonlyMap<string, Node>; readonly spool: Spool }): Promise<void> {
  const owner = { uid: 0, gid: 0, mtime: FIXED_TIME };
  const firsts = new Map<Kept, string>();
  for (const path of [...nodes.keys()].sort(comparePaths)) {
    const node = nodes.get(path) as Node;
    if (node.type === 'directory') {
      await pack.entry({ type: 'directory', path, mode: node.mode, ...owner });
    } else if (node.type === 'symlink') {
      await pack.entry({ type: 'symlink', path, mode: 0o777, target: node.target, ...owner });
    } else {
      const first = firsts.get(node.kept);
      if (first !== undefined) {
        await pack.entry({ type: 'hardlink', path, mode: node.mode, target: first, ...owner });
        continue;
      }
      firsts.set(node.kept, path);
      await pack.entry({ type: 'file', path, mode: node.mode, size: node.size, ...owner }, spool.read(node.kept));
    }
  }
}
