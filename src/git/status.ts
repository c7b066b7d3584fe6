/** The commit that is checked out. */
export interface Head {
  /** 40 hex digits (64 in a SHA-256 repository). */
  readonly revision: string;
  /** Short name, `feature/x`; absent if HEAD is detached. */
  readonly branch?: string;
}

export interface Change {
  /** Relative to the repository's root; a submodule or nested repository is one path, whatever changed inside. */
  readonly path: string;
  readonly kind: 'modified' | 'added' | 'deleted' | 'untracked' | 'conflicted';
}

export interface State {
  /** Absent in a repository that has no commit yet. */
  readonly head?: Head;
  /** The branch, also where it has no commit yet. */
  readonly branch?: string;
  /** Everything in which the working tree or the index differs from HEAD, one entry for a path, in git's order. */
  readonly changes: readonly Change[];
}

export const STATUS_ARGS = ['status', '--porcelain=v2', '--branch', '-z', '--untracked-files=all', '--no-renames', '--ignore-submodules=none', '--no-ahead-behind'];

/** Parses `git status --porcelain=v2 --branch -z`. */
export function parseStatus(output: string): State {
  let revision: string | undefined;
  let branch: string | undefined;
  const changes = new Map<string, Change>();
  const records = output.split('\0');
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!;
    if (record.startsWith('# branch.oid ')) revision = unless('(initial)', record.slice(13));
    else if (record.startsWith('# branch.head ')) branch = unless('(detached)', record.slice(14));
    else if (record.startsWith('? ')) add({ path: record.slice(2).replace(/\/$/, ''), kind: 'untracked' });
    else if (record.startsWith('1 ')) add({ path: after(record, 8), kind: kindOf(record) });
    else if (record.startsWith('u ')) add({ path: after(record, 10), kind: 'conflicted' });
    else if (record.startsWith('2 ')) {
      // A rename: cannot happen with --no-renames, and is two changes if it does.
      add({ path: after(record, 9), kind: 'added' });
      add({ path: records[++index]!, kind: 'deleted' });
    }
  }
  const head = revision === undefined ? {} : { head: { revision, ...(branch === undefined ? {} : { branch }) } };
  return { ...head, ...(branch === undefined ? {} : { branch }), changes: [...changes.values()] };

  function add(change: Change): void {
    // Deleted in the index and there in the working tree gives two records for one path.
    changes.set(change.path, changes.has(change.path) ? { path: change.path, kind: 'modified' } : change);
  }
}

/** `1 XY …`: X is the index against HEAD, Y the working tree against the index. */
function kindOf(record: string): Change['kind'] {
  const [index, tree] = [record[2], record[3]];
  if (tree === 'D' || (index === 'D' && tree === '.')) return 'deleted';
  return index === 'A' || tree === 'A' ? 'added' : 'modified';
}

/** What follows the given number of spaces. */
function after(record: string, spaces: number): string {
  let at = 0;
  for (let count = 0; count < spaces; count++) at = record.indexOf(' ', at) + 1;
  return record.slice(at);
}

function unless(word: string, value: string): string | undefined {
  return value === word ? undefined : value;
}
