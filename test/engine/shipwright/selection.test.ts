import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkout, type Checkout } from '../../support/checkout.js';
import { docker } from '../../support/engine-cli.js';
import { sample } from './fixtures.js';
import { listed, names, refused } from './plans.js';

let repo: Checkout;
beforeAll(async () => {
  repo = await checkout((name) => ({
    ...sample(name),
    'other/Dockerfile': 'FROM scratch\nCOPY lib/ /\n',
    'other/lib/a.txt': 'a\n',
    'compose.yml': `services:\n  db: { image: "postgres:16" }\n  web: { image: "${name}/shared:\${TAG:-latest}", profiles: [web] }\n  other: { build: ./other }\n`,
  }));
});
afterAll(() => repo.close());

describe('which images are selected', () => {
  test.each([
    [[], ['base', 'other', 'shared', 'service1']],
    [['-x', 'service1', 'shared'], ['base', 'other']],
    [['-e', 'base'], ['base']],
    [['-u', 'shared'], ['base', 'shared']],
    [['shared'], ['base', 'shared']],
    [['-d', 'shared'], ['base', 'shared', 'service1']],
    [['--dependants', 'shared', '--dependents', 'other'], ['base', 'other', 'shared', 'service1']],
    [['s*', '-x', 'service?'], ['base', 'shared']],
    [['--compose', 'compose.yml'], ['other']],
    [['--compose', 'compose.yml', '--profile', 'web'], ['base', 'other', 'shared']],
  ])('%j', async (args, expected) => expect(await names(repo, ...args)).toEqual(expected));

  test('full names are taken as short ones are', async () => expect(await names(repo, '-e', `${repo.name}/service1`)).toEqual(['service1']));

  test('the reason of a compose file has its place', async () =>
    expect((await listed(repo, '--compose', 'compose.yml', '--profile', '*'))['shared']!.reason).toBe('service web of compose.yml:3:3 runs it'));

  test('a profile without a compose file is a mistake', async () =>
    expect(await refused(repo, 'images', '--profile', 'web')).toMatchObject({ status: 1, problems: [{ reason: 'usage', advice: 'name one with --compose' }] }));

  test.each([
    [['-x', 'servce1'], 'did you mean service1?'],
    [['-u', 'bse'], 'did you mean base?'],
    [['-d', 'bse'], 'did you mean base?'],
    [['-e', 'shred'], 'did you mean shared?'],
    [['nothing-like-it'], 'the images are base, other, service1, shared'],
  ])('an unknown name is an error with the nearest one: %j', async (args, advice) =>
    expect(await refused(repo, 'images', ...args)).toMatchObject({ status: 1, problems: [{ reason: 'usage', advice }] }));
});

test('--exact builds nothing else: a parent that is not there is named, with what to do', async () => {
  const { status, problems } = await refused(repo, 'images', '-e', 'shared');
  expect({ status, problems }).toMatchObject({
    status: 1,
    problems: [{ message: expect.stringContaining('shared is built from base'), place: { file: 'shared/Dockerfile', line: 1 }, advice: expect.stringContaining('--upto shared') }],
  });
  expect(await refused(repo, 'images', '-e', 'shared', '--plan')).toMatchObject({ status: 1, problems: [{ message: expect.stringContaining('shared is built from base') }] });
  expect(await docker('images', '-q', `${repo.name}/*`)).toBe('');
});

describe('since a revision', () => {
  const changed = async (files: Record<string, string>, ...args: string[]) => {
    await repo.git('checkout', '-q', '-B', 'work', 'master');
    await repo.write(files);
    await repo.commit();
    return Object.values(await listed(repo, '--changed-since', 'master', ...args)).map(({ name, reason }) => `${name}: ${reason}`);
  };

  test('what changed and what is built from it; parents only for these', async () =>
    expect(await changed({ 'shared/a.txt': '1' })).toEqual([
      'base: shared is built from it',
      'shared: shared/a.txt changed since master',
      'service1: shared/a.txt changed since master, through image shared',
    ]));

  test('what no COPY reaches changes nothing; an ignore file does', async () => {
    expect(await changed({ 'other/README.md': '1' })).toEqual([]);
    expect(await changed({ 'other/.dockerignore': '*.md\n' })).toEqual(['other: other/.dockerignore changed since master']);
  });

  test('it narrows any other selection', async () => expect(await changed({ 'base/base.txt': '2', 'other/lib/a.txt': '2' }, '-e', 'other')).toEqual(['other: other/lib/a.txt changed since master']));

  test('a submodule is a changed folder', async () => {
    const upstream = await checkout({ 'x.txt': '1\n' });
    try {
      await repo.git('checkout', '-q', '-B', 'modules', 'master');
      await repo.git('submodule', 'add', '-q', upstream.root, 'other/lib/sub');
      await repo.commit();
      await repo.git('branch', 'before');
      await upstream.write({ 'x.txt': '2\n' });
      await upstream.commit();
      await repo.git('submodule', 'update', '-q', '--remote');
      expect(Object.keys(await listed(repo, '--changed-since', 'before'))).toEqual(['other']);
    } finally {
      await upstream.close();
    }
  });
});

test('a file that a requirement file includes changes what is made from it, however deep', async () => {
  const project = await checkout((name) => ({
    'project.yml': `name: ${name}\nartifacts:\n  python: { kind: python, builder: tools:1, requirements: [requirements/prod.txt] }\n  node: { kind: node, builder: tools:1 }\nimages:\n  py: { context: py, artifacts: [python] }\n  js: { context: js, artifacts: [node] }\n`,
    'py/Dockerfile': 'FROM scratch\nADD artifacts/python.tar /\n',
    'js/Dockerfile': 'FROM scratch\nADD artifacts/node.tar /\n',
    'requirements/prod.txt': '-r base.txt\n',
    'requirements/base.txt': '-c ../constraints.txt\n./lib\n',
    'constraints.txt': '',
    'lib/setup.py': '',
    'package.json': '{"name":"a","version":"1.0.0","workspaces":["packages/*"]}',
    'package-lock.json': '{"lockfileVersion":3,"packages":{}}',
    'packages/one/package.json': '{"name":"one","version":"1.0.0"}',
  }));
  const changed = async (path: string): Promise<string[]> => {
    await project.git('checkout', '-q', '-B', 'work', 'master');
    await project.write({ [path]: '# changed\n' });
    const { nodes } = await project.json<{ nodes: { id: string }[] }>('graph', '--changed-since', 'master');
    await project.git('checkout', '-q', '--force', '.');
    return nodes.map(({ id }) => id).filter((id) => id.startsWith('image '));
  };
  try {
    for (const path of ['requirements/prod.txt', 'requirements/base.txt', 'constraints.txt', 'lib/setup.py']) expect([path, await changed(path)]).toEqual([path, ['image py']]);
    for (const path of ['package-lock.json', 'packages/one/package.json']) expect([path, await changed(path)]).toEqual([path, ['image js']]);
    expect(await changed('packages/one/index.js')).toEqual([]);
  } finally {
    await project.close();
  }
});

test('a build argument that no Dockerfile of the selection declares is warned of', async () => {
  await repo.git('checkout', '-q', '--force', 'master');
  await repo.write({ 'other/Dockerfile': 'FROM scratch\nARG VERSION\nCOPY lib/ /\n' });
  const warnings = async (...args: string[]) => (await repo.artifacts('images', '--list', '--quiet', ...args)).stderr;
  expect(await warnings('--build-arg', 'VERSION=1', '--build-arg', 'http_proxy=x', 'other')).toBe('');
  expect(await warnings('--build-arg', 'VERSOIN=1', 'other')).toMatch(/warning: --build-arg VERSOIN has no effect: no Dockerfile of the selected images declares it\n.*[Dd]id you mean VERSION\?/);
  expect(await warnings('--build-arg', 'VERSION=1', 'base')).toMatch(/VERSION has no effect[^]*rite ARG VERSION/);
  expect(await warnings('--build-arg', 'base:VERSION=1')).toContain('no selected image base declares it');
  await repo.git('checkout', '-q', '--force', 'master');
});

describe('the graph', () => {
  test('as text, and narrowed', async () => {
    expect((await repo.artifacts('graph')).stdout).toBe('base\nother\nshared <- base\nservice1 <- shared\n');
    expect((await repo.artifacts('graph', 'shared')).stdout).toBe('base\nshared <- base\n');
  });

  test('as DOT, Mermaid and SVG', async () => {
    expect((await repo.artifacts('graph', '--format', 'dot')).stdout).toContain('"image base" -> "image shared";');
    expect((await repo.artifacts('graph', '--format', 'mermaid')).stdout).toContain('n0 --> n3');
    expect((await repo.artifacts('graph', '--format', 'svg')).stdout).toMatch(/^<svg [^>]*>[\s\S]*>service1<\/text>[\s\S]*<\/svg>\n$/);
    expect(await refused(repo, 'graph', '--format', 'png')).toMatchObject({ status: 1, problems: [{ reason: 'usage' }] });
  });
});
