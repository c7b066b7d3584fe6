import { afterAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { openRepository } from '../../../src/git/repository.js';
import type { Repository } from '../../../src/git/repository.js';
import { Rig } from './rig.js';

const rig = new Rig();
afterAll(() => rig.remove());

async function open(folder: string, facts = true): Promise<Repository> {
  const repository = await openRepository(rig.path(folder), rig.env, { facts });
  if (!repository) throw new Error(`${folder} is not in a repository`);
  return repository;
}

/** The same answers from other commands of git, as a user would ask. */
function oracle(folder: string): { revision: string; committedAt: string; changed: string[] } {
  const lines = (...args: string[]): string[] => rig.git(folder, ...args).split('\0').filter((path) => path !== '');
  return {
    revision: rig.git(folder, 'rev-parse', 'HEAD').trim(),
    committedAt: rig.git(folder, 'show', '-s', '--format=%cI').trim(),
    changed: [...new Set([...lines('diff', '--name-only', '-z', '--no-renames', 'HEAD'), ...lines('ls-files', '-z', '--others', '--exclude-standard', '--full-name', ':/')])].sort(),
  };
}

async function expectLikeGit(folder: string): Promise<void> {
  const expected = oracle(folder);
  for (const facts of [true, false]) {
    const repository = await open(folder, facts);
    expect((await repository.head())?.revision).toBe(expected.revision);
    expect(await repository.committedAt()).toBe(expected.committedAt);
    expect((await repository.status()).map((change) => change.path).sort()).toEqual(expected.changed);
  }
}

describe('shapes of checkouts', () => {
  test('a clean one', async () => {
    const revision = rig.repository('clean', { 'a/Dockerfile': 'FROM x', 'b.txt': '' });
    const repository = await open('clean');
    expect(repository.root).toBe(rig.path('clean'));
    expect(repository.prefix).toBe('');
    expect(await repository.state()).toEqual({ head: { revision, branch: 'main' }, branch: 'main', changes: [] });
    expect(await repository.files()).toEqual(['a/Dockerfile', 'b.txt']);
  });

  test('a sub-folder, also through a link', async () => {
    rig.repository('sub', { 'services/web/x': '' });
    rig.write({ 'sub/other': '' });
    symlinkSync(rig.path('sub/services'), rig.path('link'));
    const repository = await open('link/web');
    expect(repository.root).toBe(rig.path('sub'));
    expect(repository.prefix).toBe('services/web');
    expect((await repository.status()).map((change) => change.path)).toEqual(['other']);
    expect(await repository.files()).toEqual(['other', 'services/web/x']);
  });

  test('a worktree', async () => {
    rig.repository('main-tree', { a: '' });
    rig.git('main-tree', 'worktree', 'add', '-q', '-b', 'feature/x', rig.path('other tree'));
    rig.git('main-tree', 'worktree', 'add', '-q', '--detach', rig.path('gone'));
    rmSync(rig.path('gone'), { recursive: true });
    const repository = await open('other tree');
    expect(repository.root).toBe(rig.path('other tree'));
    const revision = (await repository.head())!.revision;
    expect((await repository.head())?.branch).toBe('feature/x');
    const worktrees = await repository.worktrees();
    expect(worktrees[0]).toEqual({ path: rig.path('main-tree'), revision, branch: 'main', prunable: false });
    expect(worktrees).toHaveLength(3);
    expect(worktrees).toContainEqual({ path: rig.path('gone'), revision, prunable: true });
    expect(worktrees).toContainEqual({ path: rig.path('other tree'), revision, branch: 'feature/x', prunable: false });
  });

  test('a submodule is a repository of its own, and one path in the outer one', async () => {
    rig.repository('inner', { Dockerfile: 'FROM x' });
    rig.repository('outer', { a: '' });
    rig.git('outer', 'submodule', 'add', '-q', rig.path('inner'), 'vendor/inner');
    rig.commit('outer');
    expect(await (await open('outer')).status()).toEqual([]);
    rig.write({ 'outer/vendor/inner/new': '' });
    const inside = await open('outer/vendor/inner');
    expect(inside.root).toBe(rig.path('outer/vendor/inner'));
    expect(await inside.files()).toEqual(['Dockerfile', 'new']);
    const outside = await open('outer');
    expect(await outside.status()).toEqual([{ path: 'vendor/inner', kind: 'modified' }]);
    expect(await outside.files()).toEqual(['.gitmodules', 'a']);
  });

  test('a shallow clone', async () => {
    rig.repository('deep', { a: '1' });
    rig.write({ 'deep/a': '2' });
    const revision = rig.commit('deep');
    rig.git('.', 'clone', '-q', '--depth', '1', `file://${rig.path('deep')}`, 'shallow');
    const repository = await open('shallow');
    expect(await repository.isShallow()).toBe(true);
    expect(await (await open('deep')).isShallow()).toBe(false);
    expect(await repository.head()).toEqual({ revision, branch: 'main' });
    expect(await repository.remoteBranches()).toEqual([{ name: 'origin/main', revision }]);
    await expect(repository.changedSince('HEAD~1')).rejects.toMatchObject({ problems: [{ reason: 'git', advice: 'The clone is shallow: fetch more of its history' }] });
  });

  test('a detached HEAD', async () => {
    const revision = rig.repository('detached', { a: '' });
    rig.git('detached', 'checkout', '-q', '--detach');
    expect(await (await open('detached')).state()).toEqual({ head: { revision }, changes: [] });
  });

  test('no commit', async () => {
    mkdirSync(rig.path('unborn'));
    rig.git('unborn', 'init', '-q');
    rig.write({ 'unborn/a': '', 'unborn/b': '' });
    rig.git('unborn', 'add', 'a');
    const repository = await open('unborn');
    expect(await repository.head()).toBeUndefined();
    expect(await repository.state()).toEqual({ branch: 'main', changes: [{ path: 'a', kind: 'added' }, { path: 'b', kind: 'untracked' }] });
    expect(await repository.files()).toEqual(['a', 'b']);
    expect(await repository.branches()).toEqual([]);
    expect((await repository.worktrees()).map((worktree) => worktree.revision)).toEqual([undefined]);
    await expect(repository.changedSince('HEAD')).rejects.toMatchObject({ problems: [{ reason: 'git' }] });
  });

  test('outside of git, in a bare repository, inside .git, without git', async () => {
    mkdirSync(rig.path('plain'));
    rig.git('.', 'init', '-q', '--bare', 'bare.git');
    rig.repository('whole', {});
    for (const facts of [true, false]) {
      expect(await openRepository(rig.path('plain'), rig.env, { facts })).toBeUndefined();
      expect(await openRepository(rig.path('bare.git'), rig.env, { facts })).toBeUndefined();
      expect(await openRepository(rig.path('whole/.git'), rig.env, { facts })).toBeUndefined();
      expect(await openRepository(rig.path('whole'), { ...rig.env, PATH: rig.path('plain') }, { facts })).toBeUndefined();
    }
  });

  test('a broken repository is a failure in git\'s words', async () => {
    rig.repository('broken', { a: '' });
    writeFileSync(rig.path('broken/.git/config'), '[core\n');
    await expect(open('broken')).rejects.toMatchObject({ problems: [{ reason: 'git', detail: [expect.stringContaining('bad config')] }] });
  });

  test('a repository of another owner is a failure with advice', async () => {
    rig.repository('foreign', { a: '' });
    const git = execFileSync('sh', ['-c', 'command -v git'], { env: rig.env, encoding: 'utf8' }).trim();
    rig.write({ 'pretend/git': `#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec ${git} "$@"\n` });
    chmodSync(rig.path('pretend/git'), 0o755);
    await expect(openRepository(rig.path('foreign'), { ...rig.env, PATH: `${rig.path('pretend')}:${rig.env['PATH']}` })).rejects.toMatchObject({
      problems: [{
        reason: 'git',
        message: `git refuses the repository ${rig.path('foreign')}, because another user owns it`,
        advice: `Run as its owner, or allow it with: git config --global --add safe.directory '${rig.path('foreign')}'`,
      }],
    });
  });

  test('SHA-256 object names', async () => {
    mkdirSync(rig.path('sha256'));
    rig.git('sha256', 'init', '-q', '--object-format=sha256');
    const revision = rig.commit('sha256');
    expect(revision).toMatch(/^[0-9a-f]{64}$/);
    expect(await (await open('sha256')).head()).toEqual({ revision, branch: 'main' });
  });
});

describe('status and files', () => {
  test('every kind of change, with names that quoting would spoil', async () => {
    rig.repository('kinds', { modified: '1', staged: '1', deleted: '1', 'deleted-index': '1', 'renamed from': '1\n2\n3', executable: '', 'back again': '1', 'ä "q"\t\n.txt': '1', '.gitignore': 'ignored\nignored-dir/\n' });
    rig.write({ 'kinds/modified': '2', 'kinds/staged': '2', 'kinds/new dir/file': '', 'kinds/ignored': '', 'kinds/ignored-dir/Dockerfile': '', 'kinds/ä "q"\t\n.txt': '2', 'kinds/added': '' });
    rig.git('kinds', 'add', 'staged', 'added');
    rmSync(rig.path('kinds/deleted'));
    rig.git('kinds', 'rm', '-q', 'deleted-index');
    rig.git('kinds', 'rm', '-q', '--cached', 'back again');
    rig.git('kinds', 'mv', 'renamed from', 'renamed to');
    chmodSync(rig.path('kinds/executable'), 0o755);
    await expectLikeGit('kinds');
    const repository = await open('kinds');
    expect(Object.fromEntries((await repository.status()).map(({ path, kind }) => [path, kind]))).toEqual({
      modified: 'modified',
      staged: 'modified',
      deleted: 'deleted',
      'deleted-index': 'deleted',
      'renamed from': 'deleted',
      'renamed to': 'added',
      executable: 'modified',
      'back again': 'modified',
      'ä "q"\t\n.txt': 'modified',
      added: 'added',
      'new dir/file': 'untracked',
    });
    expect([...(await repository.files())].sort()).toEqual(['.gitignore', 'added', 'back again', 'executable', 'modified', 'new dir/file', 'renamed to', 'staged', 'ä "q"\t\n.txt']);
  });

  test('settings of the repository and variables of the caller change nothing', async () => {
    rig.repository('odd', { a: '1', sub: '' });
    for (const [key, value] of [['status.showUntrackedFiles', 'no'], ['status.relativePaths', 'true'], ['core.quotePath', 'true'], ['color.ui', 'always'], ['diff.noprefix', 'true'], ['core.pager', 'false']] as const) {
      rig.git('odd', 'config', key, value);
    }
    rig.write({ 'odd/a': '2', 'odd/ü': '' });
    const repository = await openRepository(rig.path('odd'), { ...rig.env, GIT_DIR: rig.path('clean/.git'), GIT_WORK_TREE: rig.path('clean'), GIT_INDEX_FILE: '/nonexistent', LC_ALL: 'de_DE.UTF-8', LANGUAGE: 'de' });
    expect(repository?.root).toBe(rig.path('odd'));
    expect(await repository?.status()).toEqual([{ path: 'a', kind: 'modified' }, { path: 'ü', kind: 'untracked' }]);
  });

  test('programs that the repository names are not run, and nothing is written', async () => {
    const revision = rig.repository('hostile', { a: '1' });
    const trap = rig.path('hostile/.git/trap');
    writeFileSync(trap, `#!/bin/sh\ntouch ${rig.path('sprung')}\n`, { mode: 0o755 });
    for (const key of ['core.fsmonitor', 'diff.external', 'core.pager', 'core.sshCommand', 'core.editor']) rig.git('hostile', 'config', key, trap);
    for (const hook of ['post-index-change', 'post-checkout', 'fsmonitor-watchman']) writeFileSync(rig.path('hostile/.git/hooks', hook), readFileSync(trap), { mode: 0o755 });
    rig.write({ 'hostile/a': '2' });
    rmSync(rig.path('sprung'), { force: true });
    const index = readFileSync(rig.path('hostile/.git/index'));
    const repository = await open('hostile');
    await repository.files();
    await repository.changedSince('HEAD');
    await repository.branches();
    await repository.worktrees();
    await repository.existing([revision]);
    expect(existsSync(rig.path('sprung'))).toBe(false);
    expect(readFileSync(rig.path('hostile/.git/index'))).toEqual(index);
  });

  test('a conflict', async () => {
    rig.repository('conflict', { a: '1' });
    rig.git('conflict', 'checkout', '-q', '-b', 'other');
    rig.write({ 'conflict/a': '2' });
    rig.commit('conflict');
    rig.git('conflict', 'checkout', '-q', 'main');
    rig.write({ 'conflict/a': '3' });
    rig.commit('conflict');
    expect(() => rig.git('conflict', 'merge', 'other')).toThrow();
    const repository = await open('conflict');
    expect(await repository.status()).toEqual([{ path: 'a', kind: 'conflicted' }]);
    expect(await repository.files()).toEqual(['a']);
  });

  test('the user\'s own ignore rules count; a nested repository is one path; a sparse checkout lists what is there', async () => {
    rig.repository('nested', { 'in/a': '', 'out/b': '' });
    rig.repository('nested/repo', { c: '' });
    rig.write({ 'nested/scratch': '', 'home/.config/git/ignore': 'scratch\n' });
    const repository = await open('nested');
    expect(await repository.status()).toEqual([{ path: 'repo', kind: 'untracked' }]);
    rig.git('nested', 'sparse-checkout', 'set', 'in');
    expect(await (await open('nested')).files()).toEqual(['in/a']);
    rmSync(rig.path('home/.config'), { recursive: true });
  });
});

describe('revisions', () => {
  test('changedSince: from where HEAD left the revision, with everything that is not committed', async () => {
    const first = rig.repository('since', { a: '1', b: '1', c: '1' });
    rig.git('since', 'tag', '-a', 'v1', '-m', 'v1');
    rig.git('since', 'checkout', '-q', '-b', 'feature');
    rig.write({ 'since/a': '2' });
    rig.commit('since');
    rig.git('since', 'checkout', '-q', 'main');
    rig.write({ 'since/c': 'main only' });
    rig.commit('since');
    rig.git('since', 'checkout', '-q', 'feature');
    rig.write({ 'since/b': 'dirty', 'since/n': 'new' });
    for (const revision of ['main', 'v1', first, first.slice(0, 8), 'HEAD~1']) {
      expect(await (await open('since')).changedSince(revision)).toEqual(['a', 'b', 'n']);
    }
    expect(await (await open('since')).changedSince('HEAD')).toEqual(['b', 'n']);
  });

  test.each([
    ['mian', 'Did you mean main?'],
    ['--output=/tmp/x', 'Name a branch, a tag or a commit'],
    ['', 'Name a branch, a tag or a commit'],
    ['a\0b', 'Name a branch, a tag or a commit'],
    ['nothing-of-the-kind', 'Name a branch, a tag or a commit'],
  ])('an unknown revision %j gets advice', async (revision, advice) => {
    const failure = { problems: [{ reason: 'git', message: `${rig.path('since')} has no revision ${JSON.stringify(revision)}`, advice }] };
    await expect((await open('since')).changedSince(revision)).rejects.toMatchObject(failure);
  });

  test('refs as git lists them; annotated tags are peeled', async () => {
    const repository = await open('since');
    const peeled = rig.git('since', 'rev-parse', 'v1^{commit}').trim();
    expect(await repository.tags()).toEqual([{ name: 'v1', revision: peeled }]);
    expect((await repository.branches()).map((ref) => ref.name)).toEqual(['feature', 'main']);
    for (const ref of await repository.branches()) expect(ref.revision).toBe(rig.git('since', 'rev-parse', ref.name).trim());
  });

  test('existing: commits only, abbreviated or not', async () => {
    const repository = await open('since');
    const revision = (await repository.head())!.revision;
    const tree = rig.git('since', 'rev-parse', 'HEAD^{tree}').trim();
    expect(await repository.existing([revision, revision.slice(0, 12), tree, '0'.repeat(40), 'main', '--batch', ''])).toEqual(new Set([revision, revision.slice(0, 12)]));
    expect(await repository.existing([])).toEqual(new Set());
  });

  test('reachable: in the history of a ref or of a given head', async () => {
    rig.repository('history', { a: '1' });
    const first = rig.git('history', 'rev-parse', 'HEAD').trim();
    rig.write({ 'history/a': '2' });
    rig.commit('history');
    const lost = rig.git('history', 'rev-parse', 'HEAD').trim();
    rig.git('history', 'reset', '-q', '--hard', 'HEAD~1');
    const repository = await open('history');
    const asked = [first, first.slice(0, 12), lost.slice(0, 12), '0'.repeat(12), 'main', '--all'];
    expect(await repository.reachable(asked, [])).toEqual(new Set([first, first.slice(0, 12)]));
    expect(await repository.reachable(asked, [lost])).toEqual(new Set([first, first.slice(0, 12), lost.slice(0, 12)]));
    expect(await repository.reachable(asked, ['0'.repeat(40)])).toEqual(new Set([first, first.slice(0, 12)]));
    expect(await repository.reachable([], [])).toEqual(new Set());
  });

  test('remoteUrl: origin, or the only one, without credentials', async () => {
    rig.repository('remotes', {});
    expect(await (await open('remotes')).remoteUrl()).toBeUndefined();
    rig.git('remotes', 'remote', 'add', 'upstream', 'https://user:secret@example.com/up.git');
    expect(await (await open('remotes')).remoteUrl()).toBe('https://example.com/up.git');
    rig.git('remotes', 'remote', 'add', 'fork', 'git@example.com:fork.git');
    expect(await (await open('remotes')).remoteUrl()).toBeUndefined();
    rig.git('remotes', 'remote', 'add', 'origin', 'git@example.com:origin.git');
    rig.git('remotes', 'config', 'url.https://secret@example.com/.insteadOf', 'git@example.com:');
    expect(await (await open('remotes')).remoteUrl()).toBe('git@example.com:origin.git');
  });
});
