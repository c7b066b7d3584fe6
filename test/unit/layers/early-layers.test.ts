import { describe, expect, test } from '@jest/globals';
import type { Artifact, Part } from '../../../src/artifact/artifact.js';
import { groupOf, groupsBelowHeavy, isLarge, spreadOf } from '../../../src/artifact/spread.js';
import type { Store } from '../../../src/store/store.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { artifactLayers } from '../../../src/layers/artifact-layers.js';
import { earlyLayers } from '../../../src/layers/early-layers.js';
import { contentOf, artifact, applied, file, folder, keyOf, part } from './trees.js';

const ABOVE = [{ path: 'opt', mode: 0o775, uid: 0, gid: 50 }];
const names = (count: number) => Array.from({ length: count }, (_, index) => `package-${index} 1.${index}`);

async function packages(store: Store, count: number): Promise<Part[]> {
  return Promise.all(names(count).map((name) => part(store, `/opt/venv/lib/${name.split(' ')[0]}`, [folder('bin', 0o700), file('bin/f', name)], name)));
}

async function whole(store: Store, parts: readonly Part[]): Promise<Artifact> {
  return artifact([...parts, await part(store, '/opt/venv', [file('lock', `of ${parts.length}`)])]);
}

/** The groups that a kind would tell of. */
function groupsOf(parts: readonly Part[]): readonly (readonly Part[])[] {
  const spread = spreadOf(parts.length);
  const ready = Array.from({ length: spread }, (_, index) => parts.filter((one) => one.built !== true && one.heavy !== true && groupOf(one.package as string, spread) === index));
  ready.splice(groupsBelowHeavy(spread), 0, parts.filter((one) => one.heavy === true));
  return [...ready.map((group) => group.filter((one) => one.heavy === true || !isLarge(one))), ready.flat().filter((one) => one.heavy !== true && isLarge(one)), parts.filter((one) => one.built === true)].filter((group) => group.length > 0);
}

async function early(store: Store, groups: readonly (readonly Part[])[]) {
  const made = await earlyLayers({ name: 'python', artifact: { kind: 'python', prefix: '/opt/venv' }, above: ABOVE }, store);
  if (made === undefined) return undefined;
  const layers = [];
  for (const group of groups) for await (const layer of made.next(group)) layers.push(layer);
  return layers;
}

const planned = async (content: Artifact, store: Store, canonical = false) =>
  (await artifactLayers({ key: keyOf(content), name: 'python', artifact: content, above: ABOVE }, { store, canonical })).layers;

describe('layers before the artifact is there', () => {
  test.each([1, 8, 9, 40, 200])('are its lowest ones (%d packages)', async (count) => {
    const store = new MemoryStore();
    const parts = await packages(store, count);
    const first = await early(store, groupsOf(parts));
    const layers = await planned(await whole(store, parts), store);
    expect(first!.length).toBe(Math.min(8, layers.length - 1));
    expect(layers.slice(0, first!.length)).toEqual(first);
  });

  test('have what is built above all that is only fetched', async () => {
    const store = new MemoryStore();
    const parts = (await packages(store, 40)).map((one, index): Part => (index % 4 === 1 ? { ...one, built: true } : one));
    const first = await early(store, groupsOf(parts));
    const layers = await planned(await whole(store, parts), store);
    expect(layers.slice(0, first!.length)).toEqual(first);
    const contents = await Promise.all(layers.map((layer) => contentOf(layer, store)));
    expect(contents.map((content) => content.parts.filter(({ built }) => built === true).length)).toEqual([...Array.from({ length: first!.length - 1 }, () => 0), 10, 0]);
    expect(contents.at(-2)!.parts).toHaveLength(10);
  });

  test('have what is heavy low, the largest apart', async () => {
    const store = new MemoryStore();
    const parts = (await packages(store, 20)).map((one, index): Part => (index < 9 ? { ...one, heavy: true, ...(index > 0 ? { size: (65 + index) * 1024 * 1024 } : {}) } : one));
    const made = await early(store, groupsOf(parts));
    const layers = await planned(await whole(store, parts), store);
    expect(layers.slice(0, -1)).toEqual(made);
    const contents = await Promise.all(layers.slice(0, -1).map((layer) => contentOf(layer, store)));
    const heavy = contents.map(({ parts: group }) => group.flatMap((one) => (one.heavy === true ? [true] : [])).length);
    expect(heavy.join('')).toMatch(/^0*12111111(?:0+)$/);
    expect(contents.flatMap(({ parts: group }) => group)).toHaveLength(20);
  });

  test('are the same whether they are made before or not', async () => {
    const [one, other] = [new MemoryStore(), new MemoryStore()];
    const parts = await packages(one, 30);
    await early(one, groupsOf(parts));
    expect(await planned(await whole(one, parts), one)).toEqual(await planned(await whole(other, await packages(other, 30)), other));
  });

  test('have what is large above the others, and what is built on that, its large ones apart', async () => {
    const store = new MemoryStore();
    const parts = (await packages(store, 20)).map((one, index): Part => ({ ...one, ...(index % 5 === 0 ? { size: (65 + index) * 1024 * 1024 } : {}), ...(index > 12 ? { built: true } : {}) }));
    const made = await early(store, groupsOf(parts));
    const layers = await planned(await whole(store, parts), store);
    expect(layers.slice(0, -1)).toEqual(made);
    const contents = await Promise.all(layers.slice(0, -1).map((layer) => contentOf(layer, store)));
    const shown = contents.map(({ parts: group }) => group.map((one) => `${isLarge(one) ? 'large' : 'small'}${one.built === true ? ' built' : ''}`));
    expect(shown.map((group) => [...new Set(group)].join())).toEqual(['small', 'small', 'small', 'large', 'large', 'large', 'small built', 'large built']);
  });

  test('decide nothing: where a later part overrides something, others are made', async () => {
    const store = new MemoryStore();
    const parts = await packages(store, 20);
    const override = await part(store, '/opt/venv/lib/package-3', [file('bin/f', 'other')]);
    const content = artifact([...parts, override]);
    const made = await early(store, groupsOf(parts));
    const layers = await planned(content, store);
    const common = made!.filter(({ diffId }, index) => layers[index]?.diffId === diffId);
    expect(common.length).toBe(made!.length - 1);
    expect((await applied(layers, store)).get('opt/venv/lib/package-3/bin/f')).toContain('other');
  });

  test('are not made where an earlier version is there to be extended', async () => {
    const store = new MemoryStore();
    await planned(await whole(store, await packages(store, 12)), store);
    expect(await early(store, groupsOf(await packages(store, 13)))).toBeUndefined();
  });
});

describe('groups', () => {
  test('another version is in the same group', () => {
    for (const name of ['lodash', '@scope/name', 'a']) expect(groupOf(`${name} 1.0.0`, 8)).toBe(groupOf(`${name} 2.0.0-rc.1`, 8));
  });

  test('are a power of two by the number of packages, and at most eight', () => {
    expect([0, 1, 8, 9, 16, 17, 32, 33, 1000].map(spreadOf)).toEqual([1, 1, 1, 2, 2, 4, 4, 8, 8]);
  });

  test('are halved when there are more of them', () => {
    for (const name of names(500)) expect([4, 2, 1].map((spread) => groupOf(name, spread))).toEqual([2, 4, 8].map((share) => Math.floor(groupOf(name, 8) / share)));
  });

  test('are small at first, and all of them have some of many packages', () => {
    const counts = new Array<number>(8).fill(0);
    for (const name of names(3200)) counts[groupOf(name, 8)]! += 1;
    const shares = counts.map((count) => Math.round(count / 100));
    expect(shares).toEqual([1, 2, 4, 5, 5, 5, 5, 5]);
  });

  test('many large packages: the largest apart, the others together', async () => {
    const store = new MemoryStore();
    const parts = (await packages(store, 12)).map((one, index) => ({ ...one, size: (65 + index) * 1024 * 1024 }));
    const layers = await planned(await whole(store, parts), store, true);
    const counts = (await Promise.all(layers.map((layer) => contentOf(layer, store)))).map(({ parts: { length } }) => length);
    expect(counts).toEqual([4, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });
});
