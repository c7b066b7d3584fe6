import { realpath } from 'node:fs/promises';
import { relative } from 'node:path';
import { fail } from '../core/failure.js';
import { compare } from '../core/record.js';
import { nearest } from '../util/nearest.js';
import { parseRefs, REFS_ARGS } from './refs.js';
import type { Ref, Refs } from './refs.js';
import { publicUrl } from './remote-url.js';
import { failed, output, outputs, run } from './run.js';
import type { Environment } from './run.js';
import { parseStatus, STATUS_ARGS } from './status.js';
import type { Change, Head, State } from './status.js';
import { parseWorktrees } from './worktrees.js';
import type { Worktree } from './worktrees.js';

/**
 * A git checkout as it is when it is first asked: each question costs at most one run of git (about 5 ms) and is asked
 * once, so open it anew to see later changes. Paths are relative to `root`, `/`-separated. Nothing is ever written.
 */
export interface Repository {
  /** Absolute path of the working tree, links resolved. */
  readonly root: string;
  /** Where the opened folder lies below root: `services/a`, or empty. */
  readonly prefix: string;
  /** HEAD, branch and changes in one run of git. */
  state(): Promise<State>;
  /** Undefined in a repository with no commit. */
  head(): Promise<Head | undefined>;
  /** When HEAD was committed, ISO 8601; undefined in a repository with no commit. */
  committedAt(): Promise<string | undefined>;
  /** Modified, staged, deleted, conflicted and untracked (not ignored) paths. */
  status(): Promise<readonly Change[]>;
  /** Files that are there: tracked ones and untracked ones that are not ignored; no submodules, no nested repositories; sorted. */
  files(): Promise<readonly string[]>;
  /**
   * Paths that differ between the working tree and the commit where HEAD left `revision` (their merge base; `revision`
   * itself if they have none), untracked ones included.
   */
  changedSince(revision: string): Promise<readonly string[]>;
  /** Full hex of a revision in any of git's notations; undefined if there is none. */
  resolve(revision: string): Promise<string | undefined>;
  /** Which of these (abbreviated) hex revisions are commits of this repository. */
  existing(revisions: Iterable<string>): Promise<Set<string>>;
  /** Which of these revisions, at least 12 hex digits each, are in the history of a branch, a git tag or one of these heads. */
  reachable(revisions: Iterable<string>, heads: readonly string[]): Promise<Set<string>>;
  branches(): Promise<readonly Ref[]>;
  /** `origin/main` and so on. */
  remoteBranches(): Promise<readonly Ref[]>;
  tags(): Promise<readonly Ref[]>;
  worktrees(): Promise<readonly Worktree[]>;
  /** Address of `origin` or else of the only remote, without credentials; see remote-url.ts. */
  remoteUrl(): Promise<string | undefined>;
  /** True for a clone with cut history. */
  isShallow(): Promise<boolean>;
}

export interface OpenOptions {
  /** State, time of the commit and remote address will be asked for: git is asked for all at once. */
  readonly facts?: boolean;
}

/**
 * The repository that a folder is in. Undefined outside of git, in a bare repository, and on a machine without git.
 * Throws Failed (reason `git`) if git refuses the repository, as it does for one that another user owns.
 */
export async function openRepository(folder: string, env: Environment = {}, { facts = false }: OpenOptions = {}): Promise<Repository | undefined> {
  const args = ['rev-parse', '--show-toplevel'];
  const real = await realpath(folder);
  const commands = [args, STATUS_ARGS, TIME_ARGS, REMOTE_ARGS];
  const printed = facts ? await outputs(commands, { cwd: real, env }) : [];
  const known = new Map(commands.flatMap((command, index) => (printed[index] === undefined ? [] : [[command, printed[index]] as const])));
  const toplevel = known.get(args);
  const ran = toplevel === undefined ? await run(args, { cwd: real, env }) : { status: 0, stdout: toplevel, stderr: '' };
  if (!ran) return undefined;
  if (ran.status !== 0) {
    // Told apart by text since git has one status for all; LC_ALL=C makes the text reliable.
    if (/not a git repository|must be run in a work tree/.test(ran.stderr)) return undefined;
    failed(args, ran);
  }
  const root = ran.stdout.replace(/\n$/, '');
  return new Checkout(root, { prefix: relative(root, real), env, known });
}

const TIME_ARGS = ['log', '-1', '--no-show-signature', '--format=%cI'];
/**
 * Addresses as configured: `insteadOf` rules are the user's own and may hold credentials. The second name is always set, by us:
 * of an exit status that is not 0, Node makes an Error, which takes ten milliseconds.
 */
const REMOTE_ARGS = ['config', '-z', '--get-regexp', '^(remote\\..*\\.url|core\\.quotepath)$'];

class Checkout implements Repository {
  readonly prefix: string;
  private readonly env: Environment;
  /** What git said already, by the very command. */
  private readonly known: ReadonlyMap<readonly string[], string>;
  private readonly answers = new Map<string, Promise<unknown>>();

  constructor(
    readonly root: string,
    { prefix, env, known }: { readonly prefix: string; readonly env: Environment; readonly known: ReadonlyMap<readonly string[], string> },
  ) {
    this.prefix = prefix;
    this.env = env;
    this.known = known;
  }

  state(): Promise<State> {
    return this.once('state', async () => parseStatus(this.known.get(STATUS_ARGS) ?? (await this.git(STATUS_ARGS))));
  }

  async head(): Promise<Head | undefined> {
    return (await this.state()).head;
  }

  committedAt(): Promise<string | undefined> {
    return this.once('committedAt', async () => (await this.said(TIME_ARGS))?.trim());
  }

  async status(): Promise<readonly Change[]> {
    return (await this.state()).changes;
  }

  files(): Promise<readonly string[]> {
    return this.once('files', async () => {
      const listing = this.git(['ls-files', '-z', '-t', '--stage', '--cached', '--others', '--exclude-standard']);
      const [listed, changes] = await Promise.all([listing, this.status()]);
      const deleted = new Set(changes.filter((change) => change.kind === 'deleted').map((change) => change.path));
      return parseFiles(listed).filter((path) => !deleted.has(path)).sort(compare);
    });
  }

  async changedSince(revision: string): Promise<readonly string[]> {
    const commit = await this.resolve(revision);
    if (commit === undefined) return this.unknownRevision(revision);
    const base = (await run(['merge-base', commit, 'HEAD'], { cwd: this.root, env: this.env }))?.stdout.trim();
    const args = ['diff', '--name-only', '-z', '--no-renames', '--no-ext-diff', '--no-textconv', '--ignore-submodules=none', base || commit, '--'];
    const [differing, changes] = await Promise.all([this.git(args), this.status()]);
    const untracked = changes.filter((change) => change.kind === 'untracked').map((change) => change.path);
    return [...new Set([...differing.split('\0').filter((path) => path !== ''), ...untracked])].sort(compare);
  }

  async resolve(revision: string): Promise<string | undefined> {
    if (revision === '' || revision.includes('\0')) return undefined;
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
    const ran = await run(args, { cwd: this.root, env: this.env });
    return ran?.status === 0 ? ran.stdout.trim().split('\n').at(-1) : undefined;
  }

  async existing(revisions: Iterable<string>): Promise<Set<string>> {
    const asked = [...new Set(revisions)].filter((revision) => /^[0-9a-f]{4,64}$/.test(revision));
    if (asked.length === 0) return new Set();
    const answers = await output(['cat-file', '--batch-check=%(objecttype)'], { cwd: this.root, env: this.env, input: `${asked.join('\n')}\n` });
    const types = answers.split('\n');
    return new Set(asked.filter((_, index) => types[index] === 'commit'));
  }

  async reachable(revisions: Iterable<string>, heads: readonly string[]): Promise<Set<string>> {
    const asked = new Set([...revisions].filter((revision) => /^[0-9a-f]{12,64}$/.test(revision)));
    if (asked.size === 0) return asked;
    const history = await this.git(['rev-list', '--branches', '--tags', '--remotes', '--ignore-missing', ...heads.filter((head) => /^[0-9a-f]+$/.test(head)), '--']);
    const commits = new Set(history.split('\n').map((commit) => commit.slice(0, 12)));
    return new Set([...asked].filter((revision) => commits.has(revision.slice(0, 12))));
  }

  async branches(): Promise<readonly Ref[]> {
    return (await this.refs()).branches;
  }

  async remoteBranches(): Promise<readonly Ref[]> {
    return (await this.refs()).remoteBranches;
  }

  async tags(): Promise<readonly Ref[]> {
    return (await this.refs()).tags;
  }

  worktrees(): Promise<readonly Worktree[]> {
    return this.once('worktrees', async () => {
      const args = ['worktree', 'list', '--porcelain'];
      const ran = await run([...args, '-z'], { cwd: this.root, env: this.env });
      if (ran?.status === 0) return parseWorktrees(ran.stdout, '\0');
      // Before git 2.36 there is no -z.
      return parseWorktrees(await this.git(args), '\n');
    });
  }

  remoteUrl(): Promise<string | undefined> {
    return this.once('remoteUrl', async () => {
      const entries = ((await this.said(REMOTE_ARGS)) ?? '').split('\0').filter((entry) => entry !== '');
      const remotes = entries.map((entry) => [entry.slice(0, entry.indexOf('\n')), entry.slice(entry.indexOf('\n') + 1)] as const).filter(([name]) => name.startsWith('remote.'));
      const names = new Set(remotes.map(([name]) => name));
      const chosen = remotes.find(([name]) => name === 'remote.origin.url') ?? (names.size === 1 ? remotes[0] : undefined);
      return chosen && publicUrl(chosen[1]);
    });
  }

  isShallow(): Promise<boolean> {
    return this.once('isShallow', async () => (await this.git(['rev-parse', '--is-shallow-repository'])).trim() === 'true');
  }

  private refs(): Promise<Refs> {
    return this.once('refs', async () => parseRefs(await this.git(REFS_ARGS)));
  }

  private async unknownRevision(revision: string): Promise<never> {
    const [refs, shallow] = await Promise.all([this.refs(), this.isShallow()]);
    const names = [...refs.branches, ...refs.tags, ...refs.remoteBranches].map((ref) => ref.name);
    const near = nearest(revision, names);
    const advice = near ? `Did you mean ${near}?` : shallow ? 'The clone is shallow: fetch more of its history' : 'Name a branch, a tag or a commit';
    return fail({ reason: 'git', message: `${this.root} has no revision ${JSON.stringify(revision)}`, advice });
  }

  private git(args: readonly string[]): Promise<string> {
    return output(args, { cwd: this.root, env: this.env });
  }

  /** What a command prints; undefined if it does not succeed. */
  private async said(args: readonly string[]): Promise<string | undefined> {
    const known = this.known.get(args);
    if (known !== undefined) return known;
    const ran = await run(args, { cwd: this.root, env: this.env });
    return ran?.status === 0 ? ran.stdout : undefined;
  }

  private once<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const known = this.answers.get(question);
    if (known) return known as Promise<T>;
    const answer = ask();
    this.answers.set(question, answer);
    return answer;
  }
}

/** `H <mode> <id> <stage>\t<path>` for tracked entries (S: left out of a sparse checkout), `? <path>` for others. */
function parseFiles(listing: string): string[] {
  const paths = new Set<string>();
  for (const record of listing.split('\0')) {
    if (record.startsWith('? ')) {
      if (!record.endsWith('/')) paths.add(record.slice(2));
      continue;
    }
    const tracked = /^[HM] (\d+) [0-9a-f]+ \d\t(.*)$/s.exec(record);
    if (tracked && tracked[1] !== '160000') paths.add(tracked[2]!);
  }
  return [...paths];
}
