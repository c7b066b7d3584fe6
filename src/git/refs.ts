export interface Ref {
  /** Short: `main`, `v1.0`, `origin/main`. */
  readonly name: string;
  /** The commit, also for an annotated tag. */
  readonly revision: string;
}

export interface Refs {
  readonly branches: readonly Ref[];
  readonly tags: readonly Ref[];
  readonly remoteBranches: readonly Ref[];
}

export const REFS_ARGS = ['for-each-ref', '--format=%(refname) %(objectname) %(*objectname)', 'refs/heads', 'refs/tags', 'refs/remotes'];

/** Parses `git for-each-ref`; ref names hold no space and no newline. Symbolic `origin/HEAD` is no branch. */
export function parseRefs(output: string): Refs {
  const refs = output.split('\n').filter((line) => line !== '').map((line) => {
    const [full, id, peeled] = line.split(' ');
    return { full: full!, revision: peeled || id! };
  });
  const under = (prefix: string): Ref[] =>
    refs.filter(({ full }) => full.startsWith(prefix)).map(({ full, revision }) => ({ name: full.slice(prefix.length), revision }));
  return {
    branches: under('refs/heads/'),
    tags: under('refs/tags/'),
    remoteBranches: under('refs/remotes/').filter((ref) => !/^[^/]+\/HEAD$/.test(ref.name)),
  };
}
