import { afterEach, describe, expect, test } from '@jest/globals';
import { checkout, type Checkout } from '../../support/checkout.js';
import type { Files } from '../../support/project.js';
import { multiDockerfile, sample } from './fixtures.js';

let made: Checkout | undefined;
afterEach(() => made?.close());

interface Result {
  readonly images: readonly { readonly name: string; readonly key: string; readonly status: string; readonly tags: readonly string[] }[];
}

async function start(files: Files | ((name: string) => Files)): Promise<{ readonly repo: Checkout; readonly commit: string; readonly build: () => Promise<Record<string, Result['images'][number]>> }> {
  const repo = (made = await checkout(files));
  const build = async () => Object.fromEntries((await repo.json<Result>('images')).images.map((image) => [image.name, image]));
  return { repo, commit: (await repo.git('rev-parse', 'HEAD')).slice(0, 12), build };
}

const short = ({ key }: { readonly key: string }) => key.slice(0, 12);

describe('the sample: base, shared, service1', () => {
  const statuses = (built: Record<string, Result['images'][number]>) => Object.values(built).map(({ name, status }) => `${name} ${status}`);

  test('a life: all are built, then only what changed and what is built from it; all get the tags of every revision', async () => {
    const { repo, commit, build } = await start(sample);
    const first = await build();
    expect(statuses(first)).toEqual(['base built', 'shared built', 'service1 built']);
    for (const [name, image] of Object.entries(first)) {
      expect(await repo.images(`${repo.name}/${name}`)).toEqual([[short(image), commit, 'latest', 'master'].sort()]);
    }
    expect(statuses(await build())).toEqual(['base present', 'shared present', 'service1 present']);

    await repo.write({ 'service1/goodbye.txt': 'Goodbye\n' });
    const second = await repo.commit();
    const leaf = await build();
    expect(statuses(leaf)).toEqual(['base retagged', 'shared retagged', 'service1 built']);
    expect(await repo.images(`${repo.name}/service1`)).toEqual([
      [short(first['service1']!), commit].sort(),
      [short(leaf['service1']!), second, 'latest', 'master'].sort(),
    ]);
    for (const name of ['base', 'shared']) {
      expect(await repo.images(`${repo.name}/${name}`)).toEqual([[short(first[name]!), commit, second, 'latest', 'master'].sort()]);
    }

    // A new image, and a change that its parent inherits.
    await repo.write({ 'service2/Dockerfile': `FROM ${repo.name}/base\nADD . /code\n`, 'service2/two.txt': 'two\n', 'shared/some.txt': 'shared\n' });
    const third = await repo.commit();
    const both = await build();
    expect(statuses(both)).toEqual(['base retagged', 'service2 built', 'shared built', 'service1 built']);
    expect(await repo.images(`${repo.name}/base`)).toEqual([[short(first['base']!), commit, second, third, 'latest', 'master'].sort()]);
  });

  test.each([
    ['with a port', (name: string) => `localhost:5000/${name}`],
    ['with a host, a port and a path', (name: string) => `registry.example.com:5000/team/${name}`],
  ])('a namespace %s: what is built is known to be', async (_, namespace) => {
    const { repo, commit } = await start((name) => sample(namespace(name)));
    const [built] = (await repo.json<Result>('images', 'base')).images;
    expect(await repo.images(`${namespace(repo.name)}/base`)).toEqual([[short(built!), commit, 'latest', 'master'].sort()]);
    expect((await repo.json<Result>('images', `${namespace(repo.name)}/base`)).images).toMatchObject([{ name: 'base', status: 'present' }]);
  });

  test('-t takes the place of latest, sorted and each once; --no-latest leaves it away', async () => {
    const { repo, commit } = await start(sample);
    const tagged = await repo.json<Result>('images', 'base', '-t', 'v2', '-t', 'v1', '-t', 'v2');
    expect(await repo.images(`${repo.name}/base`)).toEqual([[short(tagged.images[0]!), commit, 'master', 'v1', 'v2'].sort()]);
  });

  test('a detached HEAD gives no tag of a branch', async () => {
    const { repo, commit } = await start(sample);
    await repo.git('checkout', '-q', '--detach');
    const { images } = await repo.json<{ readonly images: readonly { readonly key: string; readonly tags: readonly string[] }[] }>('images', 'base', '--list');
    expect(images[0]!.tags).toEqual([short(images[0]!), commit, 'latest'].map((tag) => `${repo.name}/base:${tag}`));
  });

  test('the references are listed in order, exactly, and nothing is built', async () => {
    const { repo, commit } = await start(sample);
    await repo.git('checkout', '-q', '-b', 'ham/spam');
    const { images } = await repo.json<{ readonly images: readonly { readonly name: string; readonly key: string }[] }>('images', '--list');
    const branch = expect.stringMatching(/^ham-spam--[0-9a-f]{12}$/);
    const { stdout } = await repo.artifacts('images', '--list');
    const lines = stdout.trimEnd().split('\n').map((line) => line.split(' '));
    expect(lines.map((references) => references.map((reference) => reference.split(':')[0]))).toEqual(['base', 'shared', 'service1'].map((name) => Array(4).fill(`${repo.name}/${name}`)));
    expect(lines.map((references) => references.map((reference) => reference.split(':')[1]))).toEqual(images.map((image) => [short(image), commit, branch, 'latest']));
    expect(await repo.images(`${repo.name}/base`)).toEqual([]);
  });
});

/** What would be done after a first build and a change, without doing it. */
async function planAfter(files: (name: string) => Files, change: Files): Promise<string[]> {
  const { repo, build } = await start(files);
  await build();
  await repo.write(change);
  await repo.commit();
  const { plan } = await repo.json<{ readonly plan: readonly { readonly name: string; readonly action: string; readonly reasons: readonly string[] }[] }>('images', '--plan');
  return plan.map(({ name, action, reasons }) => `${name} ${action}${action === 'build' ? `: ${reasons.join()}` : ''}`);
}

test('two Dockerfiles in a folder are two images, one built from the other', async () =>
  expect(await planAfter(multiDockerfile, { 'service1/test/test.txt': 'changed\n' })).toEqual(['base retag', 'service1 retag', 'service1-dev build: test/test.txt changed']));

test('only what a COPY names counts: two images in one folder, one file each', async () => {
  const frontend = (name: string) => ({
    '.shipwright.json': JSON.stringify({ namespace: name }),
    'frontend/Dockerfile-base': 'FROM scratch\nCOPY yarn.lock /\n',
    'frontend/Dockerfile': `FROM ${name}/frontend-base\nCOPY src.js /\n`,
    'frontend/yarn.lock': name,
    'frontend/src.js': '1\n',
  });
  expect(await planAfter(frontend, { 'frontend/src.js': '2\n' })).toEqual(['frontend-base retag', 'frontend build: src.js changed']);
});
