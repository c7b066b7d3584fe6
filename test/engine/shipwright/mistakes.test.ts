import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout, type Checkout } from '../../support/checkout.js';
import type { Files } from '../../support/project.js';
import { runCli } from '../../support/cli.js';
import { sample } from './fixtures.js';
import { keys, listed, names, refused } from './plans.js';

// One test for each mistake that was seen in the ancestor: none of them is made here. Nothing is built.

let made: Checkout | undefined;
afterEach(async () => {
  await made?.close();
  made = undefined;
});

const start = async (files: Files | ((name: string) => Files), options = {}): Promise<Checkout> => (made = await checkout(files, options));
/** `child <- parents` of every image, in order. */
const edges = async (repo: Checkout): Promise<string[]> => (await repo.artifacts('graph')).stdout.trimEnd().split('\n');

describe('discovery', () => {
  test('backups, ignore files, ignored folders and dependencies are no images', async () => {
    const repo = await start({
      '.gitignore': 'build/\n',
      ...Object.fromEntries(['Dockerfile', 'Dockerfile~', 'Dockerfile.swp', 'Dockerfile.dockerignore', 'node_modules/x/Dockerfile', 'build/Dockerfile'].map((path) => [`web/${path}`, 'FROM scratch\n'])),
    });
    await repo.write({ 'build/Dockerfile': 'FROM scratch\n' });
    expect(await names(repo)).toEqual(['web']);
  });

  test('one name twice is an error that names both', async () => {
    const repo = await start({ 'a/web/Dockerfile': 'FROM scratch\n', 'b/web/Dockerfile': 'FROM scratch\n' });
    expect(await refused(repo, 'images')).toMatchObject({
      status: 1,
      problems: [{ message: 'two Dockerfiles make the image "web"', place: { file: 'b/web/Dockerfile' }, related: { place: { file: 'a/web/Dockerfile' } } }],
    });
  });

  test('it works in a sub-folder, a worktree, a repository with no commit, a submodule and outside git', async () => {
    const repo = await start(sample, { commit: false });
    const everywhere = await keys(repo);
    expect(Object.keys(everywhere)).toEqual(['base', 'shared', 'service1']);
    await repo.commit();
    expect(await keys(repo.at(`${repo.root}/shared`))).toEqual(everywhere);
    await repo.git('worktree', 'add', '-q', '--detach', repo.beside('worktree'));
    expect(await keys(repo.at(repo.beside('worktree')))).toEqual(everywhere);
    await repo.at(repo.root).git('clone', '-q', repo.root, repo.beside('outer'));
    const outer = repo.at(repo.beside('outer'));
    await outer.git('submodule', 'add', '-q', repo.root, 'module');
    expect(await keys(outer.at(`${outer.root}/module`))).toEqual(everywhere);
    await repo.remove('.git');
    expect(await keys(repo)).toEqual(everywhere);
  });

  test('a namespace on the command line or in the environment counts', async () => {
    const repo = await start({ 'web/Dockerfile': 'FROM scratch\n' });
    const repository = async (args: string[], env = {}) => ((await runCli(['images', '--list', '--json', ...args], { cwd: repo.root, env })).json<{ images: { repository: string }[] }>()).images[0]!.repository;
    expect(await repository(['--namespace', 'localhost:5000/team'])).toBe('localhost:5000/team/web');
    expect(await repository([], { ARTIFACTS_NAMESPACE: 'acme' })).toBe('acme/web');
  });
});

describe('parents', () => {
  test('--platform, AS, a tag, build args, several stages, COPY --from, small letters', async () => {
    const repo = await start((name) => ({
      'base/Dockerfile': 'FROM scratch\n',
      'tools/Dockerfile': 'FROM scratch\n',
      'platform/Dockerfile': `FROM --platform=linux/amd64 ${name}/base\n`,
      'alias/Dockerfile': `FROM ${name}/base AS start\nFROM start\n`,
      'tagged/Dockerfile': `FROM ${name}/base:latest\n`,
      'argument/Dockerfile': `ARG BASE=${name}/base\nFROM \${BASE}:latest\n`,
      'stages/Dockerfile': `FROM ${name}/tools AS build\nFROM ${name}/base\nCOPY --from=build / /\n`,
      'copied/Dockerfile': `FROM scratch\nCOPY --from=${name}/tools /a /b\n`,
      'small/Dockerfile': `from ${name}/base\n`,
    }));
    expect(await edges(repo)).toEqual([
      'base', 'tools', 'alias <- base', 'argument <- base', 'copied <- tools', 'platform <- base', 'small <- base', 'stages <- base, tools', 'tagged <- base',
    ]);
  });

  test('a cycle is an error with its places', async () => {
    const repo = await start((name) => ({ 'a/Dockerfile': `FROM ${name}/b\n`, 'b/Dockerfile': `FROM ${name}/a\n` }));
    expect(await refused(repo, 'images')).toMatchObject({ status: 1, problems: [{ message: expect.stringMatching(/need each other/), place: { file: expect.stringMatching(/^[ab]\/Dockerfile$/), line: 1 } }] });
  });

  test('a mistyped parent is told with its place and the near name', async () => {
    const repo = await start((name) => ({ 'base/Dockerfile': 'FROM scratch\n', 'web/Dockerfile': `FROM ${name}/bas\n` }));
    const { status, problems } = await refused(repo, 'images', '--offline');
    expect({ status, problems }).toMatchObject({ status: 1, problems: [{ place: { file: 'web/Dockerfile', line: 1 }, advice: expect.stringContaining('base') }] });
  });
});

test('every FROM of an image of the group gets its key, AS and all; no other FROM is touched', async () => {
  const repo = await start((name) => ({
    'base/Dockerfile': 'FROM scratch\n',
    'web/Dockerfile': `FROM debian:trixie-slim\nFROM debian:trixie-slim AS tools\nFROM ${name}/base AS run\nCOPY --from=tools /etc/debian_version /\nFROM ${name}/base\nCOPY --from=run /debian_version /\n`,
  }));
  const base = `${repo.name}/base:${(await keys(repo))['base']!.slice(0, 12)}`;
  expect((await repo.artifacts('context', 'web', '-o', repo.beside('context'))).status).toBe(0);
  const lines = (await readFile(join(repo.beside('context'), 'Dockerfile'), 'utf8')).split('\n').filter((line) => line.startsWith('FROM'));
  expect(lines.slice(-3)).toEqual(['FROM debian:trixie-slim AS tools', `FROM ${base} AS run`, `FROM ${base}`]);
});

describe('what changes a key', () => {
  let repo: Checkout;
  let before: Record<string, string>;
  beforeAll(async () => {
    repo = await checkout({
      '.gitignore': '*.whl\n',
      'glob/Dockerfile': 'FROM scratch\nCOPY *.txt /\n',
      'glob/a.txt': '1\n',
      'long/Dockerfile': 'FROM scratch\nCOPY \\\n  --chown=1:1 \\\n  a.txt \\\n  b.txt \\\n  /\n',
      'long/a.txt': '1\n',
      'long/b.txt': '1\n',
      'wheels/Dockerfile': 'FROM scratch\nCOPY . /\n',
      'wheels/a.whl': '1\n',
    });
    before = await keys(repo);
  });
  afterAll(() => repo.close());

  test.each([
    ['an edited file of a glob', 'glob/a.txt', 'glob'],
    ['a file behind continued lines and flags', 'long/b.txt', 'long'],
    ['an ignored file that is in the context', 'wheels/a.whl', 'wheels'],
  ])('%s', async (_, path, name) => {
    await repo.write({ [path]: '2\n' });
    const after = await keys(repo);
    expect(Object.keys(after).filter((other) => after[other] !== before[other])).toEqual([name]);
    await repo.write({ [path]: '1\n' });
  });
});

test('every branch has a legal tag of its own', async () => {
  const repo = await start({ 'web/Dockerfile': 'FROM scratch\n' });
  const tags: string[] = [];
  for (const branch of ['feature/x', 'feature-x', 'a#b', 'a+b', 'größe', 'x'.repeat(150)]) {
    await repo.git('checkout', '-q', '-B', branch);
    const tag = (await listed(repo))['web']!.tags[2]!;
    tags.push(tag.slice(tag.lastIndexOf(':') + 1));
  }
  expect(tags.filter((tag) => !/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag))).toEqual([]);
  expect(new Set(tags).size).toBe(tags.length);
});

test('without a command, and with an option that does not exist, it says what to write', async () => {
  const repo = await start({ 'web/Dockerfile': 'FROM scratch\n' });
  expect(await refused(repo)).toMatchObject({ status: 1, problems: [{ reason: 'usage', advice: expect.stringContaining('images') }] });
  expect(await refused(repo, 'images', '--uptoo', 'web')).toMatchObject({ status: 1, problems: [{ reason: 'usage', advice: 'Did you mean `--upto`?' }] });
});

test('nothing to do is no crash: a selection that is empty ends well', async () => {
  const repo = await start(sample);
  expect(await repo.json('images', '--changed-since', 'HEAD')).toMatchObject({ images: [] });
  expect(await repo.json('images', '--changed-since', 'HEAD', '--plan')).toMatchObject({ plan: [] });
  expect(await repo.json('push', '--changed-since', 'HEAD')).toMatchObject({ images: [] });
});
