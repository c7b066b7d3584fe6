import { parentOf } from '../archive/paths.js';
import type { LayerDraft } from './assemble.js';
import { Draft, type Written } from './draft.js';
import { OverlayTree } from './overlay-tree.js';
import { BuilderOnly, Refusal } from './refusal.js';
import { resolveLinks } from './resolve-links.js';
import type { Tree, TreeNode } from './tree.js';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The file system of a stage while it is made: the parent's, what earlier instructions wrote, and what the current one writes. */
export class StageFiles implements Tree {
  readonly #tree: OverlayTree;
  #draft = new Draft();

  constructor(parent: Tree) {
    this.#tree = new OverlayTree(parent);
    this.#tree.lay(this.#draft);
  }

  lstat(path: string): Promise<TreeNode | undefined> {
    return this.#tree.lstat(path);
  }

  readFile(path: string): Promise<Buffer | undefined> {
    return this.#tree.readFile(path);
  }

  /** A path with links followed; fails where a folder should be and something else is. */
  async resolve(path: string): Promise<string> {
    const resolved = await resolveLinks((at) => this.lstat(at), path);
    await this.#checkFolders(resolved);
    return resolved;
  }

  /** What the current instruction wrote, as a layer; the next one begins. Undefined if it wrote nothing. */
  async finish(): Promise<LayerDraft | undefined> {
    const draft = this.#draft;
    if (draft.empty) return undefined;
    const entries = await draft.entries(this.#tree);
    this.#draft = new Draft();
    this.#tree.lay(this.#draft);
    return { kind: 'entries', entries };
  }

  /** The file system as it is now, whatever is written later. */
  snapshot(): Tree {
    return this.#tree.copy();
  }

  /** Lays an artifact's files over all. */
  lay(tree: Tree): void {
    this.#tree.lay(tree);
    this.#draft = new Draft();
    this.#tree.lay(this.#draft);
  }

  write(path: string, written: Written): void {
    if (/(?:^|\/)\.wh\.[^/]*$/.test(path)) throw new BuilderOnly(`a file named like a layer's mark of removal (/${path})`);
    this.#draft.write(path, written);
  }

  /** A file or link in the place of whatever lay there, but for folders. */
  async replace(path: string, written: Written): Promise<void> {
    const before = await this.lstat(path);
    if (before?.type === 'directory') throw new Refusal(`a folder can't be replaced by a file: /${path}`);
    this.write(path, written);
  }

  /** Makes a folder and those above it that are missing. Without an owner they belong to root, or to the group of a folder whose setgid bit is set. */
  async makeFolders(path: string, { owner, mode = 0o755 }: { readonly owner?: Owner | undefined; readonly mode?: number | undefined } = {}): Promise<void> {
    const node = await this.lstat(path);
    if (node?.type === 'directory') return;
    if (node !== undefined) throw new Refusal(`/${path} is not a folder`);
    const above = parentOf(path);
    await this.makeFolders(above, { owner, mode });
    const parent = await this.lstat(above);
    const inherits = parent?.type === 'directory' && (parent.mode & SETGID) !== 0;
    const { uid, gid } = owner ?? { uid: 0, gid: inherits ? parent.gid : 0 };
    this.write(path, { node: { type: 'directory', mode: inherits ? mode | SETGID : mode, uid, gid } });
  }

  async #checkFolders(path: string): Promise<void> {
    for (let at = parentOf(path); at !== ''; at = parentOf(at)) {
      const node = await this.lstat(at);
      if (node?.type === 'directory') return;
      if (node !== undefined) throw new Refusal(`/${at} is not a folder`);
    }
  }
}

const SETGID = 0o2000;
