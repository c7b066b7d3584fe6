export interface Worktree {
  /** Absolute path. */
  readonly path: string;
  /** Absent in a bare repository and before the first commit. */
  readonly revision?: string;
  /** Short name; absent if detached. */
  readonly branch?: string;
  /** True if its folder has gone. */
  readonly prunable: boolean;
}

/** Parses `git worktree list --porcelain` with the given end of lines; the main working tree comes first. */
export function parseWorktrees(output: string, end: '\0' | '\n'): Worktree[] {
  return output.split(end + end).filter((record) => record !== '').map((record) => {
    const lines = record.split(end);
    const value = (key: string): string | undefined => lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
    const [path, revision, branch] = [value('worktree'), value('HEAD'), value('branch')];
    return {
      path: path ?? '',
      ...(revision === undefined || /^0+$/.test(revision) ? {} : { revision }),
      ...(branch === undefined ? {} : { branch: branch.replace(/^refs\/heads\//, '') }),
      prunable: lines.some((line) => line === 'prunable' || line.startsWith('prunable ')),
    };
  });
}
