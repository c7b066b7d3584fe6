import { branchTag } from '../git/branch-tag.js';
import type { Ref } from '../git/refs.js';
import type { Worktree } from '../git/worktrees.js';

/** Everything in a repository that images are tagged after. */
export interface Refs {
  readonly branches: readonly Ref[];
  /** `origin/main` and so on. */
  readonly remoteBranches: readonly Ref[];
  readonly tags: readonly Ref[];
  readonly worktrees: readonly Worktree[];
}

/** Which tags the repository would use, and after what in it they are named. */
export interface TagsInUse {
  /** By tag: `main` → `branch main`, 12 digits of a commit → `git tag v1`. */
  readonly names: ReadonlyMap<string, string>;
  /** By 12 digits of a worktree's HEAD: images of changed trees are tagged after it too. */
  readonly heads: ReadonlyMap<string, string>;
}

/** Pure. Worktrees whose folder has gone count no more; their branch does while it is there. */
export function tagsInUse({ branches, remoteBranches, tags, worktrees }: Refs): TagsInUse {
  const names = new Map<string, string>();
  const heads = new Map<string, string>();
  const use = (tag: string, why: string): void => void (names.has(tag) || names.set(tag, why));
  for (const { name, revision } of branches) {
    use(branchTag(name), `branch ${name}`);
    use(short(revision), `branch ${name}`);
  }
  for (const { path, branch, revision, prunable } of worktrees) {
    if (prunable) continue;
    // Also where it has no commit yet, and so is no branch yet.
    if (branch !== undefined) use(branchTag(branch), `branch ${branch}`);
    if (revision === undefined) continue;
    use(short(revision), `worktree ${path}`);
    heads.set(short(revision), `worktree ${path}`);
  }
  for (const { name, revision } of tags) {
    use(short(revision), `git tag ${name}`);
    use(branchTag(name), `git tag ${name}`);
  }
  for (const { name, revision } of remoteBranches) {
    use(branchTag(name.slice(name.indexOf('/') + 1)), `branch ${name}`);
    use(short(revision), `branch ${name}`);
  }
  return { names, heads };
}

function short(revision: string): string {
  return revision.slice(0, 12);
}
