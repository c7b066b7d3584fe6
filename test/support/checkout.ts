import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runCli, type CliResult } from './cli.js';
import { docker, removeProject } from './engine-cli.js';
import { writeFiles, type Files } from './project.js';

const GIT_ENV = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_COUNT: '2',
  GIT_CONFIG_KEY_0: 'init.defaultBranch',
  GIT_CONFIG_VALUE_0: 'master',
  GIT_CONFIG_KEY_1: 'protocol.file.allow',
  GIT_CONFIG_VALUE_1: 'always',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
};

/** A git checkout without a project file, in which the real command is run. */
export interface Checkout {
  /** Of the folder, and so of project and namespace; no other test has it. */
  readonly name: string;
  readonly root: string;
  write(files: Files): Promise<void>;
  remove(...paths: string[]): Promise<void>;
  git(...args: string[]): Promise<string>;
  /** Commits everything that there is; 12 digits of the commit. */
  commit(): Promise<string>;
  artifacts(...args: string[]): Promise<CliResult>;
  /** What a run that must succeed prints with --json. */
  json<T>(...args: string[]): Promise<T>;
  /** Another folder beside this one, for clones and worktrees. */
  beside(name: string): string;
  /** The same, run elsewhere. */
  at(folder: string): Checkout;
  /**
   * The engine's images of one repository of ours: the sorted tags of each, an image without tags as an empty list.
   * Those with the fewest tags first, then by name: the engine lists images of one second in no fixed order.
   */
  images(repository: string): Promise<readonly (readonly string[])[]>;
  close(): Promise<void>;
}

/** A new repository with these files (which may depend on its name) and, unless told otherwise, one commit of them. */
export async function checkout(files: Files | ((name: string) => Files), { commit = true } = {}): Promise<Checkout> {
  const name = `sw-${randomUUID().slice(0, 8)}`;
  const outer = await realpath(await mkdtemp(join(tmpdir(), 'wheelwright-checkout-')));
  const made = at(join(outer, name), name, outer);
  await mkdir(made.root);
  await made.git('init', '-q');
  await made.write(typeof files === 'function' ? files(name) : files);
  if (commit) await made.commit();
  return made;
}

function at(root: string, name: string, outer: string): Checkout {
  const git = async (...args: string[]): Promise<string> => (await promisify(execFile)('git', args, { cwd: root, env: GIT_ENV })).stdout.trim();
  const artifacts = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: root });
  return {
    name,
    root,
    git,
    artifacts,
    write: (files) => writeFiles(root, files),
    remove: async (...paths) => void (await Promise.all(paths.map((path) => rm(join(root, path), { recursive: true })))),
    commit: async () => {
      await git('add', '-A');
      await git('commit', '-q', '--allow-empty', '-m', 'c');
      return (await git('rev-parse', 'HEAD')).slice(0, 12);
    },
    json: async <T>(...args: string[]) => {
      const result = await artifacts(...args, '--json');
      if (result.status !== 0) throw new Error(`artifacts ${args.join(' ')} ended with ${result.status}:\n${result.stderr}`);
      return result.json() as T;
    },
    beside: (other) => join(outer, other),
    at: (folder) => at(folder, name, outer),
    images: async (repository) => {
      const ids = (await docker('images', '--quiet', '--no-trunc', '--filter', `label=wheelwright.image=${repository.split('/').at(-1)}`, '--filter', `label=wheelwright.project=${name}`)).split('\n');
      const unique = [...new Set(ids.filter((id) => id !== ''))];
      const inspected = unique.length === 0 ? [] : (JSON.parse(await docker('image', 'inspect', ...unique)) as { RepoTags: string[] | null }[]);
      return inspected
        .map(({ RepoTags: tags }) => (tags ?? []).filter((tag) => tag.startsWith(`${repository}:`)).map((tag) => tag.slice(repository.length + 1)).sort())
        .sort((a, b) => a.length - b.length || (a.join() < b.join() ? -1 : 1));
    },
    close: async () => {
      await removeProject(name);
      await rm(outer, { recursive: true, force: true });
    },
  };
}
