import { NotThin } from '../assemble/not-thin.js';
import type { Tree } from '../assemble/tree.js';
import type { AboveFolder } from '../layers/layer.js';
import type { ImageNode } from './node.js';

/** The folders above an artifact's prefix as they are. A link among them leads elsewhere, where only a builder unpacks to. */
export async function foldersAbove(prefix: string, tree: Tree, { resolved }: ImageNode): Promise<AboveFolder[]> {
  const segments = prefix.split('/').filter((segment) => segment !== '');
  const paths = segments.slice(0, -1).map((_, index) => segments.slice(0, index + 1).join('/'));
  const folders: AboveFolder[] = [];
  for (const path of paths) {
    const node = await tree.lstat(path);
    if (node === undefined) break;
    if (node.type !== 'directory') throw new NotThin(`an artifact at ${prefix}, where /${path} is no folder`, resolved.dockerfile.source.place(0));
    const { mode, uid, gid } = node;
    folders.push({ path, mode, uid, gid });
  }
  return folders;
}
