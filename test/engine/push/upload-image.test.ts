import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Event } from '../../../src/core/events.js';
import type { ImageKey } from '../../../src/core/identity.js';
import type { Engine } from '../../../src/engine/engine.js';
import { LABELS } from '../../../src/images/labels.js';
import { keyTag } from '../../../src/images/tags.js';
import { pushImages, type Pushed } from '../../../src/push/push-images.js';
import type { ImageSource, LayerSource, ReadyImage } from '../../../src/push/ready-image.js';
import { startImageRegistry, type ImageRegistry } from '../../support/image-registry.js';
import { contentOf, docker, removeImages } from '../../support/images/docker.js';
import { blobOf, clientWith, sha256 } from '../../support/registry-client.js';
import { rawTar } from '../../unit/archive/raw-tar.js';

let registry: ImageRegistry;
beforeAll(async () => {
  registry = await startImageRegistry();
});
afterAll(() => registry.close());

/** An engine that must not be asked: these images have their bytes with them. */
const NO_ENGINE = {} as Engine;

function layer(name: string, mountFrom?: string): LayerSource {
  const tar = rawTar([{ name, content: name.repeat(1000) }]);
  return { ...blobOf(gzipSync(tar)), diffId: sha256(tar), mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...(mountFrom === undefined ? {} : { mountFrom }) };
}

function image(name: string, layers: readonly LayerSource[]): ReadyImage & { readonly content: ImageSource } {
  const repository = `${registry.host}/direct/${name}`;
  const key = sha256(Buffer.from(JSON.stringify([name, layers.map(({ diffId }) => diffId)]))).slice(7) as ImageKey;
  const config = { architecture: 'amd64', os: 'linux', config: { Labels: { [LABELS.key]: key } }, rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) } };
  const tags = [keyTag(key), 'main', 'latest'].map((tag) => `${repository}:${tag}`);
  const content = { config: Buffer.from(JSON.stringify(config)), layers };
  return { name, key, repository, tags, parents: [], content, source: async () => content };
}

async function push(...images: ReadyImage[]): Promise<Pushed & { readonly events: readonly Event[] }> {
  const events: Event[] = [];
  const pushed = await pushImages(Readable.from(images), {
    engine: NO_ENGINE, client: clientWith(), credentials: async () => undefined, emit: (event) => events.push(event), signal: new AbortController().signal, jobs: 2, now: Date.now,
  });
  return { ...pushed, events };
}

test('blobs go straight from their source, each once; the engine pulls what they make', async () => {
  const layers = [layer('one'), layer('two'), layer('one')];
  const web = image('web', layers);
  const first = await push(web);
  const sizes = web.content.config.length + layers[0]!.size + layers[1]!.size;
  expect(first).toMatchObject({ problems: [], images: [{ status: 'pushed', uploadedBytes: sizes, mountedBytes: 0, skippedBytes: 0 }] });
  expect(first.events).toMatchObject([{ type: 'push', state: 'started' }, { type: 'push', state: 'pushed', bytes: sizes }]);

  for (const tag of web.tags) await docker(['pull', '-q', tag]);
  expect((await docker(['inspect', '--format', '{{.Id}}', web.tags[1]!])).trim()).toBe(sha256(web.content.config));
  expect((await contentOf(web.tags[0]!)).map((line) => line.split(' ').at(-1))).toEqual(['one', 'two']);
  await removeImages(web.tags);

  // One layer more: only that one and the configuration are sent; elsewhere the rest is taken over.
  const added = layer('three');
  const next = image('web', [...layers, added]);
  expect((await push(next)).images).toMatchObject([{ status: 'pushed', uploadedBytes: next.content.config.length + added.size, skippedBytes: layers[0]!.size + layers[1]!.size }]);
  const other = image('worker', [layer('one', web.repository), layer('two', web.repository)]);
  expect((await push(other)).images).toMatchObject([{ uploadedBytes: other.content.config.length, mountedBytes: layers[0]!.size + layers[1]!.size }]);
  expect((await push(web, other)).images).toMatchObject([{ name: 'web', status: 'retagged', uploadedBytes: 0 }, { name: 'worker', status: 'present', uploadedBytes: 0 }]);
});

test('the same image gives the same manifest, wherever it is pushed', async () => {
  const [one, two] = await Promise.all(['a', 'b'].map(async (folder) => {
    const ready = image('same', [layer('one')]);
    const repository = `${registry.host}/${folder}/same`;
    return (await push({ ...ready, repository, tags: ready.tags.map((tag) => tag.replace(ready.repository, repository)) })).images[0]?.digest;
  }));
  expect(one).toBeDefined();
  expect(one).toBe(two);
});

test('another image under the key\'s tag is not taken for ours', async () => {
  const web = image('stolen', [layer('one')]);
  const foreign = { ...image('foreign', [layer('two')]), repository: web.repository, tags: web.tags };
  await push(foreign);
  const pushed = await push(web);
  expect(pushed.images).toMatchObject([{ status: 'pushed' }]);
  expect(pushed.images[0]?.digest).toBe((await clientWith().headManifest(web.repository, 'main'))?.digest);
});

test('an image whose layers can not be read stops no other', async () => {
  const broken = { ...layer('broken'), open: () => Promise.reject(new Error('a bug')) };
  await expect(push(image('broken', [broken]))).rejects.toThrow('a bug');
  const refused = { ...image('refused', [layer('x')]), repository: '127.0.0.1:1/team/web' };
  const good = image('good', [layer('y')]);
  const pushed = await push(refused, good);
  expect(pushed.images.map(({ name }) => name)).toEqual(['good']);
  expect(pushed.problems).toMatchObject([{ reason: 'registry' }]);
});
