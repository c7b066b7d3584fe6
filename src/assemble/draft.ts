import { FIXED_TIME, type Entry } from '../archive/entry.js';
import { ancestorsOf } from '../archive/paths.js';
import { compare } from '../core/record.js';
import type { LayerEntry } from './assemble.js';
import { BuilderOnly } from './refusal.js';
import type { Tree, TreeNode } from './tree.js';

/** What an instruction wrote at a path. */
export interface Written {
  readonly node: Exclude<TreeNode, { readonly type: 'other' }>;
  /** Of files: exactly `size` bytes. */
  readonly content?: () => AsyncIterable<Uint8Array>;
  /** SHA-256 of the content in hex, where it is known unread. */
  readonly hash?: string;
  /** The same for all names of one file. */
  readonly inode?: object;
}

const READ_LIMIT = 1024 * 1024;

/** The layer that an instruction makes: only what it wrote, path by path. */
export class Draft implements Tree {
  readonly #written = new Map<string, Written>();

  get empty(): boolean {
    return this.#written.size === 0;
  }

  write(path: string, written: Written): void {
    this.#written.set(path, written);
  }

  async lstat(path: string): Promise<TreeNode | undefined> {
    return this.#written.get(path)?.node;
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const { node, content } = this.#written.get(path) ?? {};
    if (node?.type !== 'file' || node.size > READ_LIMIT || content === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    for await (const chunk of content()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** The layer's entries, sorted. Folders above what was written are repeated as `tree` has them: else engines make them anew as 0755 of root. */
  async entries(tree: Tree): Promise<readonly LayerEntry[]> {
    const entries = new Map<string, LayerEntry>();
    for (const [path, written] of this.#written) {
      for (const folder of ancestorsOf(path)) {
        if (entries.has(folder) || this.#written.has(folder)) continue;
        const node = await tree.lstat(folder);
        if (node?.type !== 'directory') throw new Error(`${folder} should be a folder`);
        if (node.extended === true) throw new BuilderOnly(`writing into /${folder}, which has extended attributes`);
        entries.set(folder, { entry: entryOf(folder, node) });
      }
      if (path === '') continue;
      const { content, hash } = written;
      entries.set(path, { entry: entryOf(path, written.node), ...(content === undefined ? {} : { content }), ...(hash === undefined ? {} : { hash }) });
    }
    return this.#linked([...entries.values()].sort((a, b) => compare(a.entry.path, b.entry.path)));
  }

  /** Further names of a file become hard links to its first. */
  #linked(entries: readonly LayerEntry[]): LayerEntry[] {
    const first = new Map<object, string>();
    return entries.map((item) => {
      const { path, mode, uid, gid, mtime } = item.entry;
      const inode = this.#written.get(path)?.inode;
      const target = inode && first.get(inode);
      if (target !== undefined) return { entry: { type: 'hardlink', path, mode, uid, gid, mtime, target } };
      if (inode !== undefined) first.set(inode, path);
      return item;
    });
  }
}

function entryOf(path: string, node: Written['node']): Entry {
  const common = { path, uid: node.uid, gid: node.gid, mtime: FIXED_TIME };
  if (node.type === 'symlink') return { type: 'symlink', mode: 0o777, target: node.target, ...common };
  if (node.type === 'directory') return { type: 'directory', mode: node.mode, ...common };
  return { type: 'file', mode: node.mode, size: node.size, ...common };
}
