import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { Failed } from '../../../src/core/failure.js';
import type { ImageId } from '../../../src/core/identity.js';
import type { Engine, EngineInfo } from '../../../src/engine/engine.js';
import type { DiffId, Layer } from '../../../src/layers/layer.js';
import { exportLayers } from '../../../src/load/base-layers.js';
import { readIncremental, writeIncremental } from '../../../src/load/incremental.js';
import { createLoader } from '../../../src/load/load-images.js';
import type { LoadableImage } from '../../../src/load/port.js';
import { readEngine, rememberEngine } from '../../../src/load/remembered-engine.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { ENGINES, connectTestEngine } from '../../support/engines.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { brokenLayers, counting, engineLayer, layerOf, loadable } from './rig.js';
import type { LoadableOptions } from './rig.js';

const FAKES = (['graphdriver', 'containerd'] as const).map((imageStore) => ({
  name: `the fake (${imageStore})`,
  make: async (): Promise<Engine> => new FakeEngine({ info: { imageStore, apiVersion: '1.51' } }),
}));
const REAL = ENGINES.map((one) => ({ name: one.name, make: () => connectTestEngine(one) }));

/** Something that is waited for until it is given. */
function signal() {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => (give = resolve));
  return { give, given };
}

describe.each([...FAKES, ...REAL])('$name', ({ make }) => {
  const run = randomUUID();
  const labels = { 'wheelwright.test': run };
  const repository = `wheelwright-test/load-${run}`;
  const store = new MemoryStore();
  let engine: Engine;
  let bytes: number[];
  /** Only the engine has its layers. */
  let base: { readonly id: ImageId; readonly layers: readonly Layer[] };

  beforeAll(async () => {
    ({ engine, bytes } = counting(await make()));
    base = await buildBase('base');
  });

  afterAll(async () => {
    // An image goes after those that stand on it.
    for (let left = 4; left > 0; left -= 1) for (const { id } of await engine.images([`wheelwright.test=${run}`])) await engine.removeImage(id);
    expect(await engine.images([`wheelwright.test=${run}`])).toEqual([]);
  });

  const buildBase = async (name: string) => {
    const content = Buffer.from(`${name} ${run}\n`.repeat(5000));
    const id = await engine.build({
      context: () => tarOf([
        { entry: { type: 'file', path: 'Dockerfile', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 32 }, content: Buffer.from('FROM scratch\nCOPY f /base\nUSER 1') },
        { entry: { type: 'file', path: 'f', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: content.length }, content },
      ]),
      dockerfile: 'Dockerfile', tags: [`${repository}:${name}`], labels, backend: 'classic',
    });
    return { id, layers: (await engine.image(id))!.layers.map(engineLayer) };
  };
  const load = (...images: readonly LoadableImage[]) => createLoader({ engine, store }).load(images);
  const image = (layers: readonly Layer[], options: LoadableOptions) => loadable(layers, { labels, ...options });
  /** On the base. */
  const above = (layers: readonly Layer[], options: LoadableOptions = {}) => image([...base.layers, ...layers], { known: base.layers.length, base: base.id, ...options });
  const tag = (name: string) => `${repository}:${name}`;
  const layer = (content?: string | Buffer) => layerOf(store, 'top', content);

  /** Everything about a loaded image is as it should be, for every name that it has. */
  const expectWhole = async (id: ImageId | undefined, { layers, tags }: LoadableImage) => {
    const diffIds = layers.map(({ diffId }) => diffId);
    for (const name of [id!, ...tags]) expect(await engine.image(name)).toMatchObject({ id, layers: diffIds });
    expect(await brokenLayers(engine, id!, diffIds)).toEqual([]);
  };

  test('a layer on a base that the engine has: only the layer is sent, and the image has all its tags', async () => {
    const one = above([await layer('tiny')], { tags: [tag('one'), tag('uno')] });
    const [id] = await load(one);
    await expectWhole(id, one);
    expect(bytes.at(-1)).toBeLessThan(15_000);
    expect(await readIncremental(store, await engine.info())).toBe('works');
  });

  test('the same image again has the same id, and is no more than its small files', async () => {
    const again = above([await layer('tiny')], { tags: [tag('one'), tag('uno')] });
    const before = await engine.image(tag('one'));
    expect(await load({ ...again, known: again.layers.length })).toEqual([before!.id]);
    expect(bytes.at(-1)).toBeLessThan(15_000);
    await expectWhole(before!.id, again);
  });

  test('a chain, layer by layer, and a tag that moves', async () => {
    const [a, b, c] = [await layer(), await layer(), await layer()];
    const steps = [above([a], { tags: [tag('chain')] }), above([a, b], { tags: [tag('chain')], known: base.layers.length + 1 }), above([a, b, c], { tags: [tag('chain')], known: base.layers.length + 2 })];
    for (const step of steps) await expectWhole((await load(step))[0], step);
    expect(new Set(bytes.slice(-3).map((count) => count > 15_000))).toEqual(new Set([false]));
  });

  test('several images at once, their common layers once', async () => {
    const big = await layer(randomBytes(200_000));
    const [a, b] = [await layer(), await layer()];
    const images = [above([big], { tags: [tag('deps')] }), above([big, a], { tags: [tag('web'), tag('web-2')] }), above([big, b]), above([big, a, b], { tags: [tag('worker')] })];
    const ids = await load(...images);
    expect(new Set(ids).size).toBe(4);
    for (const [at, id] of ids.entries()) await expectWhole(id, images[at]!);
    expect(bytes.at(-1)).toBeGreaterThan(200_000);
    expect(bytes.at(-1)).toBeLessThan(300_000);
  });

  test.each([['was loaded meanwhile: only the layers on it are sent', true, 1], ['came to nothing: all is sent after all', false, 2]] as const)('an image that is handed over before the engine has what it lies on, which %s', async (_, isLoaded, loads) => {
    const [a, b] = [await layer(randomBytes(200_000)), await layer(randomBytes(200_000))];
    const parent = above([a], { tags: [tag('turn-parent')] });
    const child = above([a, b], { tags: [tag('turn-child')], known: base.layers.length + 1 });
    const [handed, ready, childHanded] = [signal(), signal(), signal()];
    const { length } = bytes;
    const { load: send } = createLoader({ engine, store });
    const before = isLoaded ? send([parent], { after: ready.given, onLayers: handed.give }) : ready.given;
    if (isLoaded) await handed.given;
    const loading = send([child], { after: before, onLayers: childHanded.give });
    await childHanded.given;
    for (const name of ['turn-parent', 'turn-child']) expect((await engine.image(tag(name)))?.layers.some((diffId) => [a, b].some((one) => one.diffId === diffId)) ?? false).toBe(false);
    ready.give();
    await expectWhole((await loading)[0], child);
    const sent = bytes.slice(length + (isLoaded ? 1 : 0));
    expect(sent).toHaveLength(loads);
    expect(sent[0]).toBeLessThan(300_000);
  });

  test('the same layer twice in an image, and at two heights', async () => {
    const [a, b] = [await layer(), await layer()];
    const images = [above([a, b, a], { tags: [tag('twice')] }), above([b, a])];
    const ids = await load(...images);
    for (const [at, id] of ids.entries()) await expectWhole(id, images[at]!);
  });

  test('two images that turn out to be one', async () => {
    const only = await layer();
    const images = [above([only], { tags: [tag('same-1')] }), above([only], { tags: [tag('same-2')] })];
    const [id, other] = await load(...images);
    expect(other).toBe(id);
    for (const one of images) await expectWhole(id, one);
  });

  test('an image without a base, and none at all', async () => {
    const own = image([await layer(), await layer()], { tags: [tag('scratch')] });
    await expectWhole((await load(own))[0], own);
    expect(await load()).toEqual([]);
  });

  test('a wrong guess is noticed, and is no reason to give up leaving layers out', async () => {
    const [a, b] = [await layer(), await layer()];
    const wrong = above([a, b], { tags: [tag('wrong')], known: base.layers.length + 1 });
    await expectWhole((await load(wrong))[0], wrong);
    const next = above([await layer()]);
    const before = bytes.length;
    await expectWhole((await load(next))[0], next);
    expect(bytes.length).toBe(before + 1);
  });

  test('an image that was removed behind our back is sent again in full', async () => {
    const [a, b] = [await layer(), await layer()];
    const parent = image([a], { tags: [tag('parent')] });
    const [id] = await load(parent);
    await engine.removeImage(id!);
    const child = image([a, b], { tags: [tag('child')], known: 1 });
    await expectWhole((await load(child))[0], child);
  });

  test('a base that is gone is named', async () => {
    const lost = await buildBase('lost');
    const above = image([...lost.layers, await layer()], { tags: [tag('orphan')], known: lost.layers.length, base: lost.id });
    await engine.removeImage(lost.id);
    const failure = await load(above).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failed);
    expect((failure as Failed).problems).toMatchObject([{ reason: 'not-found', message: expect.stringContaining(lost.id) }]);
    expect(await engine.image(tag('orphan'))).toBeUndefined();
  });

  test('an engine that takes no archive without all layers gets everything, the base out of its own export', async () => {
    const info = await engine.info();
    await writeIncremental(store, info, 'refused');
    const [a, b] = [await layer(), await layer()];
    const images = [above([a], { tags: [tag('full')] }), above([a, b], { tags: [tag('full-2')] })];
    const ids = await load(...images);
    for (const [at, id] of ids.entries()) await expectWhole(id, images[at]!);
    await writeIncremental(store, info, 'works');
  });

  test('an engine that has another image store than the last time at its address has the image whole, and is known from then on', async () => {
    const info = await engine.info();
    const other: EngineInfo = { ...info, imageStore: info.imageStore === 'containerd' ? 'graphdriver' : 'containerd', apiVersion: '1.51' };
    await rememberEngine(store, engine, other);
    await writeIncremental(store, other, 'works');
    const images = [above([await layer()], { tags: [tag('moved')] }), above([], { tags: [tag('moved-2')] }), image([await layer()], { tags: [tag('moved-3')] })];
    for (const some of [images.slice(0, 1), images.slice(1, 2), images]) {
      await rememberEngine(store, engine, other);
      const ids = await load(...some);
      for (const [at, id] of ids.entries()) await expectWhole(id, some[at]!);
      expect(await readEngine(store, engine)).toEqual(info);
    }
    const before = bytes.length;
    const next = above([await layer()], { tags: [tag('moved')] });
    await expectWhole((await load(next))[0], next);
    expect(bytes.length).toBe(before + 1);
  });

  test('an engine of another release than the last time at its address is asked what it is', async () => {
    const upgraded = Object.assign(Object.create(engine) as Engine, { release: async () => 'newer' });
    const asked: string[] = [];
    upgraded.info = async () => (asked.push('info'), engine.info());
    for (const _ of [1, 2]) {
      const one = above([await layer()], { tags: [tag('newer')] });
      await expectWhole((await createLoader({ engine: upgraded, store }).load([one]))[0], one);
    }
    expect(asked).toEqual(['info']);
  });

  test('an interrupted load leaves no image, and the next one completes', async () => {
    const abort = new AbortController();
    const [a, b] = [await layer(Buffer.alloc(100_000, 'a')), await layer()];
    const unread = Object.assign(Object.create(store) as MemoryStore, { readBlob: async () => Readable.from(endless(() => abort.abort())) });
    const images = [above([a], { tags: [tag('stopped')] }), above([a, b], { tags: [tag('stopped-2')] })];
    const failure = await createLoader({ engine, store: unread, signal: abort.signal }).load(images).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failed);
    expect((failure as Failed).problems).toMatchObject([{ reason: 'interrupted' }]);
    for (const { tags } of images) expect(await engine.image(tags[0]!)).toBeUndefined();
    const ids = await load(...images);
    for (const [at, id] of ids.entries()) await expectWhole(id, images[at]!);
  });

  test('a layer whose bytes are not there fails as that, and leaves no image', async () => {
    const lost = await layer();
    const broken = above([lost], { tags: [tag('unreadable')] });
    store.blobs.delete(lost.diffId.slice(7));
    await expect(load(broken)).rejects.toThrow(/not in the store/);
    expect(await engine.image(tag('unreadable'))).toBeUndefined();
  });

  test('layers of a base are put into the store, once', async () => {
    const diffIds = base.layers.map(({ diffId }) => diffId);
    const found = await exportLayers(engine, store, base.id, diffIds);
    expect([...found]).toEqual(diffIds.map((diffId) => [diffId, diffId.slice(7)]));
    for (const digest of found.values()) expect((await store.readBlobBytes(digest)).toString('latin1')).toContain(run);
    const offline = { save: () => Promise.reject(new Error('not again')) } as unknown as Engine;
    expect(await exportLayers(offline, store, base.id, diffIds)).toEqual(found);
    await expect(exportLayers(engine, store, base.id, [`sha256:${'0'.repeat(64)}` as DiffId])).rejects.toThrow(/without its layer sha256:0000/);
  });
});

describe.each([...ENGINES])('$name', (one) => {
  test('runs what was loaded', async () => {
    const engine = await connectTestEngine(one);
    const store = new MemoryStore();
    const base = (await engine.image(one.image))!;
    const labels = { 'wheelwright.test': randomUUID() };
    const layers = [...base.layers.map(engineLayer), await layerOf(store, 'top', 'what it says')];
    const [id] = await createLoader({ engine, store }).load([loadable(layers, { labels, known: base.layers.length, base: base.id })]);
    const container = await engine.createContainer({ image: id!, labels, network: 'none' });
    try {
      await container.start();
      expect(await container.wait()).toEqual({ exitCode: 0 });
      expect(await container.logs(5)).toEqual(['what it says']);
    } finally {
      await container.remove();
      await engine.removeImage(id!);
    }
  });
});

async function* endless(begun: () => void): AsyncGenerator<Buffer> {
  yield Buffer.alloc(20_000);
  setTimeout(begun, 100);
  await new Promise(() => undefined);
}
