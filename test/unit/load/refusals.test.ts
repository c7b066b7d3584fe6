import { describe, expect, test } from '@jest/globals';
import type { Event } from '../../../src/core/events.js';
import { Failed } from '../../../src/core/failure.js';
import type { EngineInfo } from '../../../src/engine/engine.js';
import { readIncremental } from '../../../src/load/incremental.js';
import { createLoader } from '../../../src/load/load-images.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { brokenLayers, engineLayer, layerOf, loadable } from '../../contract/load/rig.js';

type Script = (lacksLayers: boolean) => string | undefined;

/** A fake engine with a base image that only it has. */
async function rig(imageStore: EngineInfo['imageStore'], script: Script = () => undefined) {
  const scripted = { load: script };
  const engine = new FakeEngine({ info: { imageStore, apiVersion: '1.51' }, load: (lacks) => scripted.load(lacks) });
  const file = Buffer.from('FROM scratch');
  const { tarOf } = await import('../../../src/archive/pack-tar.js');
  const base = await engine.build({
    context: () => tarOf([{ entry: { type: 'file', path: 'Dockerfile', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: file.length }, content: file }]),
    dockerfile: 'Dockerfile', tags: ['base:1'], backend: 'classic',
  });
  const baseLayers = (await engine.image(base))!.layers.map(engineLayer);
  const store = new MemoryStore();
  const events: Event[] = [];
  const abort = new AbortController();
  const { load, ahead } = createLoader({ engine, store, emit: (event) => events.push(event), signal: abort.signal });
  const next = async (tag: string, known = 1) => loadable([...baseLayers, await layerOf(store, 'f')], { tags: [tag], known, base });
  engine.calls.length = 0;
  return { engine, store, events, load, ahead, abort, next, base, scripted, state: async () => readIncremental(store, await engine.info()) };
}

describe.each(['graphdriver', 'containerd'] as const)('an engine (%s)', (imageStore) => {
  test('that takes no image without all its layers is asked once, and given everything from then on', async () => {
    const { engine, load, next, state, events, base } = await rig(imageStore, (lacks) => (lacks ? 'layers are missing' : undefined));
    const first = await next('a:1');
    const [id] = await load([first]);
    expect(await engine.image('a:1')).toMatchObject({ id, tags: ['a:1'] });
    expect(await brokenLayers(engine, id!, first.layers.map(({ diffId }) => diffId))).toEqual([]);
    expect(events).toMatchObject([{ type: 'step', message: expect.stringContaining('everything') }]);
    expect(await state()).toBe('refused');
    engine.calls.length = 0;
    await load([await next('a:2')]);
    expect(engine.calls.filter((call) => /^(load|save)/.test(call))).toEqual(['load', `save ${base}`]);
  });

  test('that refuses a wrong guess and takes the right one is not taken for such', async () => {
    const { load, next, state } = await rig(imageStore);
    await load([await next('a:1', 2)]);
    expect(await state()).toBe('works');
  });

  test('that takes nothing: no tag, nothing remembered, and its own words', async () => {
    const { engine, load, next, state } = await rig(imageStore, () => 'no space left on device');
    const failure = await load([await next('a:1')]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failed);
    expect((failure as Failed).problems).toMatchObject([{ reason: 'engine', message: expect.stringContaining('no space left on device') }]);
    expect(await state()).toBe('untried');
    expect(await engine.image('a:1')).toBeUndefined();
  });

  test('that says yes and has something else is found out the first time', async () => {
    const { engine, load, next, state } = await rig(imageStore);
    const image = engine.image.bind(engine);
    let lies = 1;
    engine.image = async (reference) => {
      const found = await image(reference);
      return found !== undefined && lies-- > 0 ? { ...found, layers: [] } : found;
    };
    const [id] = await load([await next('a:1')]);
    expect(await image('a:1')).toMatchObject({ id });
    expect(await state()).toBe('refused');
  });

  test('that was found to work is asked nothing more than to load', async () => {
    const { engine, load, next } = await rig(imageStore);
    await load([await next('a:1')]);
    engine.calls.length = 0;
    await load([await next('a:2'), await next('b:1')]);
    expect(engine.calls).toEqual(['load']);
  });
});

describe.each(['graphdriver', 'containerd'] as const)('layers sent ahead (%s)', (imageStore) => {
  test('are there without a name', async () => {
    const { engine, ahead, next, state } = await rig(imageStore);
    const { tags: _, ...image } = await next('');
    const id = await ahead({ ...image, tags: [] });
    expect(await engine.image(id!)).toMatchObject({ id, tags: [] });
    expect(await state()).toBe('works');
  });

  test('are not tried twice: an engine that takes no image without all its layers gets none', async () => {
    const { engine, ahead, load, next, scripted, events, state } = await rig(imageStore, (lacks) => (lacks ? 'layers are missing' : undefined));
    expect(await ahead(await next('a:1'))).toBeUndefined();
    expect(engine.calls.filter((call) => /^(load|save)/.test(call)).at(-1)).toBe('load');
    // Whether it was this image, or any, only a load in earnest finds out.
    expect([await state(), events, await engine.image('a:1')]).toEqual(['untried', [], undefined]);
    await load([await next('a:2')]);
    scripted.load = () => undefined;
    engine.calls.length = 0;
    expect(await ahead(await next('a:3'))).toBeUndefined();
    expect(engine.calls).toEqual([]);
  });

  test('an interrupted run begins with none', async () => {
    const { engine, ahead, abort, next } = await rig(imageStore);
    const image = await next('a:1');
    abort.abort(new Error('SIGINT'));
    engine.calls.length = 0;
    await expect(ahead(image)).rejects.toThrow('SIGINT');
    expect(engine.calls).toEqual([]);
  });

  test('once the engine has all of them it is waited for, so that they can be removed', async () => {
    const { engine, ahead, abort, next } = await rig(imageStore);
    const load = engine.load.bind(engine);
    const signals: boolean[] = [];
    engine.load = async (archive, options) => {
      const names = await load(archive, options);
      abort.abort(new Error('SIGINT'));
      signals.push(options?.signal?.aborted === true);
      return names;
    };
    const id = await ahead(await next('a:1'));
    expect(signals).toEqual([false]);
    expect(await engine.image('a:1')).toMatchObject({ id });
  });

  test('before that it is not', async () => {
    const { engine, ahead, abort, next } = await rig(imageStore);
    const signals: boolean[] = [];
    engine.load = async (archive, options) => {
      abort.abort(new Error('SIGINT'));
      signals.push(options?.signal?.aborted === true);
      archive.destroy();
      throw options?.signal?.reason;
    };
    await expect(ahead(await next('a:1'))).rejects.toThrow('SIGINT');
    expect(signals).toEqual([true]);
  });
});

test('another version of an engine is tried anew, and a containerd store that can’t check images is never trusted with less', async () => {
  const { engine, store, load, next } = await rig('graphdriver');
  await load([await next('a:1')]);
  const info = await engine.info();
  expect(await readIncremental(store, info)).toBe('works');
  expect(await readIncremental(store, { ...info, version: '99' })).toBe('untried');
  expect(await readIncremental(store, { ...info, imageStore: 'containerd', apiVersion: '1.47' })).toBe('refused');
  expect(await readIncremental(store, { ...info, imageStore: 'containerd', apiVersion: '1.48' })).toBe('untried');
});

test('layers that are sent have to have their bytes', async () => {
  const { load, next } = await rig('graphdriver');
  const image = await next('a:1');
  const layers = image.layers.map((layer) => (layer.content.kind === 'blob' ? { ...layer, size: layer.size + 1 } : layer));
  await expect(load([{ ...image, layers }])).rejects.toThrow(/is not of the size that was said/);
});
