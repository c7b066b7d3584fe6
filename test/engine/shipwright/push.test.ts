import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkout, type Checkout } from '../../support/checkout.js';
import { docker } from '../../support/engine-cli.js';
import { startImageRegistry, startRegistryProxy, type ImageRegistry, type RegistryProxy } from '../../support/image-registry.js';
import { sample } from './fixtures.js';

let registry: ImageRegistry;
let proxy: RegistryProxy;
let repo: Checkout;
let commit: string;

beforeAll(async () => {
  registry = await startImageRegistry();
  proxy = await startRegistryProxy(registry.host);
  repo = await checkout((name) => sample(`${proxy.host}/${name}`));
  commit = (await repo.git('rev-parse', 'HEAD')).slice(0, 12);
});

afterAll(async () => {
  await repo.close();
  await proxy.close();
  await registry.close();
});

interface Pushed {
  readonly images: readonly { readonly name: string; readonly key: string; readonly digest: string; readonly status: string }[];
}

const repository = (name: string): string => `${proxy.host}/${repo.name}/${name}`;

async function tagsThere(name: string): Promise<string[]> {
  const response = await fetch(`http://${registry.host}/v2/${repo.name}/${name}/tags/list`);
  return response.ok ? ((await response.json()) as { tags: string[] }).tags.sort() : [];
}

/** Every reference of ours, away from the engine. */
async function forget(): Promise<void> {
  for (const name of ['service1', 'shared', 'base']) {
    const found = (await docker('images', '--format', '{{.Repository}}:{{.Tag}}', repository(name))).split('\n').filter((line) => line !== '');
    for (const reference of found) await docker('rmi', reference);
  }
}

test('what is pushed can be pulled back under each of its tags; a branch has the same tag here and there', async () => {
  await repo.git('checkout', '-q', '-b', 'feature/x');
  const { images } = await repo.json<Pushed>('push');
  expect(images.map(({ name, status }) => `${name} ${status}`)).toEqual(['base pushed', 'shared pushed', 'service1 pushed']);
  for (const { name, key } of images) {
    const [here] = await repo.images(repository(name));
    expect(here).toEqual(expect.arrayContaining([key.slice(0, 12), commit, 'latest', expect.stringMatching(/^feature-x--[0-9a-f]{12}$/)]));
    expect(await tagsThere(name)).toEqual(here);
  }
  // Each manifest goes up once for each tag.
  const puts = proxy.requests.filter((request) => /^PUT .*\/manifests\//.test(request));
  expect(new Set(puts).size).toBe(puts.length);

  await forget();
  const here = await tagsThere('service1');
  for (const tag of here) await docker('pull', '-q', `${repository('service1')}:${tag}`);
  expect((await repo.images(repository('service1')))[0]).toEqual(here);
});

test('a commit that changes nothing in the images adds its tag by manifest; the older tags stay', async () => {
  await repo.json('images');
  await repo.write({ 'README.md': 'unrelated\n' });
  const next = await repo.commit();
  const sent = proxy.sent;
  proxy.requests.length = 0;
  const { images } = await repo.json<Pushed>('push');
  expect(images.map(({ status }) => status)).toEqual(['retagged', 'retagged', 'retagged']);
  expect(proxy.requests.filter((request) => request.startsWith('POST'))).toEqual([]);
  expect(proxy.sent - sent).toBeLessThan(20_000);
  expect(await tagsThere('service1')).toEqual(expect.arrayContaining([commit, next]));
});

test('an image that was pulled by its digest has no tag, and is in nobody\'s way', async () => {
  const { images } = await repo.json<Pushed>('push', 'base');
  await forget();
  await docker('pull', '-q', `${repository('base')}@${images[0]!.digest}`);
  expect(await docker('image', 'inspect', '-f', '{{.RepoTags}}', `${repository('base')}@${images[0]!.digest}`)).toBe('[]');
  expect(await repo.json('images', 'base')).toMatchObject({ images: [{ name: 'base' }] });
});
