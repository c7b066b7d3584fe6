import { ancestorsOf, parentOf } from './paths.js';

/**
 * Remembers what an archive made so far and says why the next entry can't follow: writing through a link or a file that the
 * archive itself made, or a link or file in place of a folder that holds something. Paths are cleaned.
 */
export class TreeGuard {
  readonly #folders = new Set<string>(['']);
  readonly #leaves = new Map<string, 'file' | 'symlink'>();
  #lastParent = '';

  /** `again` if the path was there before (a leaf; repeated folders are new every time), else `new`; or the complaint. */
  admit(path: string, type: 'file' | 'directory' | 'symlink' | 'hardlink'): 'new' | 'again' | { readonly complaint: string } {
    const complaint = this.#enter(parentOf(path));
    if (complaint !== undefined) return { complaint };
    const before = this.#leaves.get(path);
    if (type === 'directory') {
      if (before !== undefined) return { complaint: before === 'symlink' ? 'is a folder where the archive made a link' : 'is a folder where the archive has a file' };
      this.#folders.add(path);
      return 'new';
    }
    if (this.#folders.has(path)) return { complaint: `is a ${type === 'file' ? 'file' : 'link'} where the archive has a folder` };
    this.#leaves.set(path, type === 'symlink' ? 'symlink' : 'file');
    return before === undefined ? 'new' : 'again';
  }

  /** True if an earlier entry put a file (or hard link) there. */
  hasFile(path: string): boolean {
    return this.#leaves.get(path) === 'file';
  }

  #enter(parent: string): string | undefined {
    if (parent === this.#lastParent || this.#folders.has(parent)) {
      this.#lastParent = parent;
      return undefined;
    }
    for (const folder of [...ancestorsOf(parent), parent]) {
      const leaf = this.#leaves.get(folder);
      if (leaf === 'symlink') return `writes through the link ${JSON.stringify(folder)} that the archive made`;
      if (leaf === 'file') return `lies below the file ${JSON.stringify(folder)}`;
      this.#folders.add(folder);
    }
    this.#lastParent = parent;
    return undefined;
  }
}
