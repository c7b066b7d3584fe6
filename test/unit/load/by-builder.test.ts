import { beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { fail } from '../../../src/core/failure.js';
import type { Engine, EngineInfo } from '../../../src/engine/engine.js';
import { artifactLayers } from '../../../src/layers/artifact-layers.js';
import type { Layer } from '../../../src/layers/layer.js';
import { createLoader } from '../../../src/load/load-images.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { engineLayer, layerOf, loadable } from '../../contract/load/rig.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { artifact, file, keyOf, part } from '../layers/trees.js';

const BASE = `sha256:${'b'.repeat(64)}`;
const labels = async () => ({ ahead: 'true' });

let store: MemoryStore;
let engine: FakeEngine;
beforeEach(() => {
  store = new MemoryStore();
  engine = slow();
});

function slow(info: Partial<EngineInfo> = { version: '28.5.2', apiVersion: '1.51' }): FakeEngine {
  const fake = new FakeEngine({ info });
  fake.addImage(['base:1'], { layers: [BASE] });
  return fake;
}

/** Layers of two packages, 5 MB each; of a later version, with one on top that removes something. */
async function layers(): Promise<{ readonly fresh: readonly Layer[]; readonly extended: readonly Layer[] }> {
  const parts = await Promise.all(['a', 'b'].map((name) => part(store, `/opt/venv/${name}`, [file('x', randomBytes(2_500_000).toString('hex'))], `${name} 1`)));
  const [first, second] = [artifact([...parts, await part(store, '/opt/venv', [file('gone', '1')])]), artifact(parts)];
  const fresh = await artifactLayers({ key: keyOf(first), name: 'x', artifact: first }, { store });
  const extended = await artifactLayers({ key: keyOf(second), name: 'x', artifact: second }, { store });
  return { fresh: fresh.layers, extended: extended.layers };
}

const load = async (own: readonly Layer[], on: Engine = engine) => {
  const runtime = [engineLayer(BASE), await layerOf(store, 'etc/x', 'x')];
  const base = (await engine.image('base:1'))!.id;
  const images = [loadable(runtime, { tags: ['runtime:1'], known: 1, base }), loadable([...runtime, ...own], { tags: ['deps:1'], known: 1, base })];
  const ids = await createLoader({ engine: on, store, labels }).load(images);
  expect(ids.map((id) => engine.calls.includes(`removeImage ${id}`))).toEqual([false, false]);
  return (await engine.image('deps:1'))?.layers;
};
const unpacked = () => engine.calls.filter((call) => call.startsWith('unpack'));
const left = async () => (await engine.images([])).flatMap(({ tags }) => (tags.length === 0 ? ['without a name'] : tags)).sort();

describe('an engine whose loads are slow', () => {
  test('gets layers by its builder, upon an image of those below, and nothing of that stays', async () => {
    const { fresh } = await layers();

    expect((await load(fresh))?.slice(2)).toEqual(fresh.map(({ diffId }) => diffId));

    expect(unpacked()).toEqual([`unpack ${fresh.length}`]);
    expect(engine.loadedLayers.flat()).not.toContain(fresh[0]!.diffId);
    expect(await left()).toEqual(['base:1', 'deps:1', 'runtime:1']);
  });

  test('gets what removes something by a load', async () => {
    const { fresh, extended } = await layers();
    expect(extended.slice(0, -1)).toEqual(fresh);

    expect((await load(extended))?.slice(2)).toEqual(extended.map(({ diffId }) => diffId));

    expect(unpacked()).toEqual([`unpack ${fresh.length}`]);
    expect(engine.loadedLayers.at(-1)).toEqual([extended.at(-1)!.diffId]);
  });

  test('gets all by a load where its builder makes other layers, or none', async () => {
    const { fresh } = await layers();
    const other = Object.assign(Object.create(engine) as Engine, { unpack: async ({ tars }: { readonly tars: readonly unknown[] }) => engine.addImage([], { layers: tars.map(() => BASE) }).id });
    expect((await load(fresh, other))?.slice(2)).toEqual(fresh.map(({ diffId }) => diffId));
    expect(await left()).toEqual(['base:1', 'deps:1', 'runtime:1']);

    await engine.removeImage('deps:1');
    const none = Object.assign(Object.create(engine) as Engine, { unpack: async () => fail({ reason: 'build', message: 'no tar' }) });
    expect((await load(fresh, none))?.slice(2)).toEqual(fresh.map(({ diffId }) => diffId));
    expect(await left()).toEqual(['base:1', 'deps:1', 'runtime:1']);
  });
});

describe('the first that is sent ahead', () => {
  const ahead = async (own: readonly Layer[]): Promise<string> => {
    // On a layer that is no artifact's: its image is not there yet.
    const lowest = [engineLayer(BASE), await layerOf(store, 'etc/x', 'x')];
    const id = await createLoader({ engine, store, labels }).ahead(loadable([...lowest, ...own], { known: 1, base: (await engine.image('base:1'))!.id }));
    expect((await engine.image(id!))?.layers.slice(2)).toEqual(own.map(({ diffId }) => diffId));
    return id!;
  };

  test('goes by the builder if it is much, upon an image that is removed', async () => {
    const { fresh } = await layers();
    const id = await ahead(fresh);
    expect(unpacked()).toEqual([`unpack ${fresh.length}`]);
    expect(engine.loadedLayers.flat()).not.toContain(fresh[0]!.diffId);
    await engine.removeImage(id);
    expect(await left()).toEqual(['base:1']);
  });

  test('is loaded if it is little', async () => {
    const content = artifact([await part(store, '/opt/venv/a', [file('x', 'small')], 'a 1')]);
    const { layers: small } = await artifactLayers({ key: keyOf(content), name: 'x', artifact: content }, { store });
    await ahead(small);
    expect(unpacked()).toEqual([]);
  });
});

test.each([['an older release', { version: '20.10.24' }], ['the containerd store', { version: '28.5.2', apiVersion: '1.51', imageStore: 'containerd' as const }], ['an engine without BuildKit', { version: '28.5.2', buildkit: false }]])('%s gets all by a load', async (_, info) => {
  engine = slow(info);
  const { fresh } = await layers();
  await load(fresh);
  expect(unpacked()).toEqual([]);
});
