import { parentOf } from '../archive/paths.js';
import type { Tree, TreeNode } from './tree.js';

/** Trees laid over each other as an engine does with layers: folders are merged, all else hides what is below it. */
export class OverlayTree implements Tree {
  /** Top first. */
  readonly #trees: Tree[];

  constructor(bottom: Tree) {
    this.#trees = [bottom];
  }

  lay(tree: Tree): void {
    this.#trees.unshift(tree);
  }

  /** These trees without what is laid over them later. */
  copy(): OverlayTree {
    const [bottom, ...others] = this.#trees.toReversed();
    const copy = new OverlayTree(bottom!);
    for (const tree of others) copy.lay(tree);
    return copy;
  }

  async lstat(path: string): Promise<TreeNode | undefined> {
    if (path === '') return (await this.#first('')) ?? ROOT;
    const above = await this.lstat(parentOf(path));
    return above?.type === 'directory' ? this.#first(path) : undefined;
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    if ((await this.lstat(path))?.type !== 'file') return undefined;
    for (const tree of this.#trees) {
      if ((await tree.lstat(path)) !== undefined) return tree.readFile(path);
    }
    return undefined;
  }

  async #first(path: string): Promise<TreeNode | undefined> {
    for (const tree of this.#trees) {
      const node = await tree.lstat(path);
      if (node !== undefined) return node;
    }
    return undefined;
  }
}

const ROOT: TreeNode = { type: 'directory', mode: 0o755, uid: 0, gid: 0 };
