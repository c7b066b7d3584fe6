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
    // By id: one that was pulled by its digest has no tag.
    const found = (await docker('images', '--format', '{{.ID}}', repository(name))).split('\n').filter((line) => line !== '');
    for (const id of new Set(found)) await docker('rmi', '--force', id);
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

interface Made {
  readonly images: readonly { readonly name: string; readonly key: string; readonly status: string; readonly id?: string; readonly digest?: string }[];
}

const statuses = ({ images }: Made): string[] => images.map(({ name, status }) => `${name} ${status}`);
const uploads = (): string[] => proxy.requests.filter((request) => request.startsWith('POST'));

test('--from-registry: what only the registry has is neither built nor pulled, and gets its tags there', async () => {
  await repo.json('push');
  await forget();
  await repo.write({ 'README.md': 'unrelated again\n' });
  const next = await repo.commit();
  proxy.requests.length = 0;
  expect(statuses(await repo.json<Made>('images', '--from-registry'))).toEqual(['base in-registry', 'shared in-registry', 'service1 in-registry']);
  expect(uploads()).toEqual([]);
  for (const name of ['base', 'shared', 'service1']) {
    expect(await docker('images', '-q', repository(name))).toBe('');
    expect(await tagsThere(name)).toContain(next);
  }
});

test('--from-registry: what something is built from is pulled; the plan says so, and does nothing', async () => {
  await repo.write({ 'service1/new.txt': 'new\n' });
  await repo.commit();
  const { plan } = await repo.json<{ plan: { name: string; action: string }[] }>('images', '--from-registry', '--plan');
  expect(plan.map(({ name, action }) => `${name} ${action}`)).toEqual(['base in-registry', 'shared pull', 'service1 build']);
  expect(await docker('images', '-q', repository('shared'))).toBe('');
  expect(statuses(await repo.json<Made>('images', '--from-registry'))).toEqual(['base in-registry', 'shared pulled', 'service1 built']);
  expect(await docker('images', '-q', repository('base'))).toBe('');
  expect((await repo.images(repository('shared')))[0]).toContain('latest');
});

test('--pull-cache: everything that the registry has is pulled, the rest is built', async () => {
  await forget();
  expect(statuses(await repo.json<Made>('images', '--pull-cache'))).toEqual(['base pulled', 'shared pulled', 'service1 built']);
  await repo.json('push');
  await forget();
  expect(statuses(await repo.json<Made>('images', '--pull-cache', '-e', 'service1'))).toEqual(['service1 pulled']);
  expect((await repo.images(repository('service1'))).flat()).toEqual(expect.arrayContaining(['latest', expect.stringMatching(/^feature-x--/)]));
});

test('a registry that can not be asked is an error, and nothing is built; one that does not hand an image out is a warning', async () => {
  await forget();
  proxy.interfere = (_, response) => (response.writeHead(403, { 'content-type': 'application/json' }).end('{"errors":[{"code":"DENIED","message":"not you"}]}'), true);
  const refused = await repo.artifacts('images', '--from-registry');
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('not you')]);
  expect(await docker('images', '-q', repository('base'))).toBe('');

  // Ours may ask; the engine, which pulls, may not.
  proxy.interfere = (request, response) => {
    if (request.headers['user-agent']?.startsWith('wheelwright') === true) return false;
    response.writeHead(403, { 'content-type': 'application/json' }).end('{"errors":[{"code":"DENIED","message":"not the engine"}]}');
    return true;
  };
  const built = await repo.artifacts('images', '--pull-cache', '-e', 'base');
  proxy.interfere = undefined;
  expect([built.status, built.stderr]).toEqual([0, expect.stringMatching(/not the engine[^]*is built instead[^]*base: built/)]);
});
