import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import type { Digest } from '../../../src/core/identity.js';
import type { Entry } from '../../../src/archive/entry.js';
import { ancestorsOf } from '../../../src/archive/paths.js';
import { copiedLayers, type CopiedLayers } from '../../../src/layers/copied-layers.js';
import type { CopiedEntry } from '../../../src/layers/copied-tree.js';
import type { Layer } from '../../../src/layers/layer.js';
import { MemoryStore } from '../../../src/store/memory.js';
import type { Store } from '../../../src/store/store.js';
import { applied, sorted } from './trees.js';

const common = { uid: 0, gid: 0, mtime: 0 };

/** A version of a project's sources: path → what is there. */
type Sources = ReadonlyMap<string, Entry & { readonly text?: string }>;

/** The entries that an instruction has, folders above included. */
function entriesOf(sources: Sources, { hashed = true } = {}): CopiedEntry[] {
  const paths = [...new Set([...sources.keys()].flatMap((path) => [...ancestorsOf(path), path]))].sort();
  return paths.map((path) => {
    const { text, ...entry } = sources.get(path) ?? { type: 'directory', path, mode: 0o755, ...common };
    if (text === undefined) return { entry };
    const content = async function* () {
      yield Buffer.from(text);
    };
    return { entry, content, ...(hashed ? { hash: createHash('sha256').update(text).digest('hex') } : {}) };
  });
}

const text = (path: string, content: string, mode = 0o644): [string, Entry & { text: string }] => [path, { type: 'file', path, mode, size: Buffer.byteLength(content), ...common, text: content }];
const link = (path: string, target: string): [string, Entry] => [path, { type: 'symlink', path, mode: 0o777, target, ...common }];
const directory = (path: string, mode: number): [string, Entry] => [path, { type: 'directory', path, mode, ...common }];

/** Twenty files of two blocks each. */
const twenty = (changed: Record<string, string> = {}): Sources => new Map(Array.from({ length: 20 }, (_, index) => text(`app/src/${index}.py`, changed[index] ?? `${index}`.padStart(2).repeat(300))));

/** One project's images, one after the other. */
function project(store: Store) {
  return async (instructions: readonly (readonly CopiedEntry[])[], options: { readonly canonical?: boolean; readonly below?: readonly `sha256:${string}`[] } = {}): Promise<CopiedLayers['layers']> => {
    const { layers, remember } = await copiedLayers(instructions, { store, name: 'web 0', below: ['sha256:parent'], ...options });
    await remember();
    return layers;
  };
}

const only = (layers: CopiedLayers['layers']): Layer[] => layers.map(({ layer }) => layer);
const ids = (layers: CopiedLayers['layers']): string[] => layers.map(({ layer }) => layer.diffId);
const sizes = (layers: CopiedLayers['layers']): number[] => layers.map(({ layer }) => layer.size);

describe('what is copied', () => {
  test('one file that changed is one layer with it and its folders', async () => {
    const store = new MemoryStore();
    const make = project(store);
    const first = await make([entriesOf(twenty())]);
    const second = await make([entriesOf(twenty({ 3: 'new' }))]);
    expect(ids(second).slice(0, 1)).toEqual(ids(first));
    expect(sizes(second)).toEqual([(2 + 20 * 3 + 2) * 512, (2 + 2 + 2) * 512]);
    expect(second.map(({ of }) => of)).toEqual([0, 0]);
    expect(sorted(await applied(only(second), store))).toEqual(sorted(await applied(only(await make([entriesOf(twenty({ 3: 'new' }))], { canonical: true })), store)));
  });

  test('the same file changed again needs no further layer, and what was there before is found again', async () => {
    const store = new MemoryStore();
    const make = project(store);
    const first = await make([entriesOf(twenty())]);
    const second = await make([entriesOf(twenty({ 3: 'new' }))]);
    const third = await make([entriesOf(twenty({ 3: 'newer' }))]);
    expect(ids(third).slice(0, 1)).toEqual(ids(first));
    expect(third).toHaveLength(2);
    expect(await make([entriesOf(twenty({ 3: 'new' }))])).toEqual(second);
    expect(await make([entriesOf(twenty())])).toEqual(first);
  });

  test('several instructions have a layer each; what changes later lies on all of them and is of the one that brings it', async () => {
    const store = new MemoryStore();
    const make = project(store);
    const lists = new Map([text('app/lists', 'one\n')]);
    const first = await make([entriesOf(twenty()), entriesOf(lists)]);
    expect(first.map(({ of }) => of)).toEqual([0, 1]);
    const second = await make([entriesOf(twenty({ 7: 'seven' })), entriesOf(lists)]);
    expect(ids(second).slice(0, 2)).toEqual(ids(first));
    expect(second.map(({ of }) => of)).toEqual([0, 1, 0]);
    // An instruction that is new only brings what it copies.
    const third = await make([entriesOf(twenty({ 7: 'seven' })), entriesOf(lists), entriesOf(new Map([text('app/more', 'more\n')]))]);
    expect(ids(third).slice(0, 2)).toEqual(ids(first));
    expect(third).toHaveLength(3);
  });

  test.each([
    ['another image below', { below: ['sha256:other'] as const }, twenty({ 3: 'new' }), true],
    ['--canonical', { canonical: true }, twenty({ 3: 'new' }), true],
    ['something is gone', {}, new Map([...twenty()].slice(1)), true],
    ['something of another kind', {}, new Map([...twenty(), link('app/src/3.py', '4.py')]), true],
    ['a content that nobody knows', {}, twenty({ 3: 'new' }), false],
    ['more than half is other', {}, twenty(Object.fromEntries(Array.from({ length: 11 }, (_, index) => [index, 'x'.repeat(600)]))), true],
  ])('%s: all is written anew', async (_, options, sources, hashed) => {
    const store = new MemoryStore();
    const make = project(store);
    await make([entriesOf(twenty())]);
    const second = await make([entriesOf(sources, { hashed })], options);
    expect(second).toHaveLength(1);
    expect(ids(second)).toEqual(ids(await project(new MemoryStore())([entriesOf(sources)])));
  });

  test('layers are few and little is wasted, however long the history', async () => {
    const store = new MemoryStore();
    const make = project(store);
    const changed: Record<string, string> = {};
    for (let step = 0; step < 60; step++) {
      changed[(step * 7) % 20] = `${step} `.repeat(200);
      const layers = await make([entriesOf(twenty(changed))]);
      expect(layers.length).toBeLessThanOrEqual(8);
      const [fresh] = sizes(await copiedLayers([entriesOf(twenty(changed))], { store, name: 'other', below: [] }).then((made) => made.layers));
      expect(sizes(layers).reduce((sum, size) => sum + size, 0)).toBeLessThan(1.5 * fresh!);
    }
  });

  test('a chain of an image with many layers is not made longer', async () => {
    const make = project(new MemoryStore());
    const below = Array.from({ length: 79 }, (_, index) => `sha256:${index}` as const);
    await make([entriesOf(twenty())], { below });
    expect(await make([entriesOf(twenty({ 3: 'new' }))], { below })).toHaveLength(1);
  });

  test('names that objects have, and numbers', async () => {
    const store = new MemoryStore();
    const make = project(store);
    const odd = (content: string): Sources => new Map([...twenty(), text('__proto__', content), text('constructor', 'c'), text('1', content), text('app/ü', content)]);
    await make([entriesOf(odd('one'))]);
    const second = await make([entriesOf(odd('two'))]);
    expect(second).toHaveLength(2);
    expect(sorted(await applied(only(second), store))).toEqual(sorted(await applied(only(await make([entriesOf(odd('two'))], { canonical: true })), store)));
  });

  test('without its blobs an earlier version is none', async () => {
    const store = new MemoryStore();
    const make = project(store);
    const [first] = only(await make([entriesOf(twenty())]));
    store.blobs.delete(first!.diffId.slice('sha256:'.length) as Digest);
    expect(await make([entriesOf(twenty({ 3: 'new' }))])).toHaveLength(1);
  });
});

const LEAVES = ['a', 'b', 'd/a', 'd/b', 'd/e/a', 'd/e/b', 'f/a', `f/${'long'.repeat(40)}`, 'f/ünï'];
const leaf = fc.constantFrom(...LEAVES);
/** Nothing comes or goes. */
const edited = fc.tuple(...LEAVES.map(() => fc.constantFrom(1, 1, 1, 1, 2, 3))).map((contents) => LEAVES.map((path, index) => text(path, `${contents[index]}`.repeat(900))));
const mixed = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(leaf, fc.nat(3), fc.constantFrom(0o644, 0o755)).map(([path, content, mode]) => text(path, `${content}`.repeat(content * 300), mode)) },
    { weight: 1, arbitrary: fc.tuple(leaf, fc.constantFrom('a', 'x'.repeat(120))).map(([path, target]) => link(path, target)) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom('d', 'd/e', 'f', 'g'), fc.constantFrom(0o755, 0o700)).map(([path, mode]) => directory(path, mode)) },
  ),
  { maxLength: 9 },
);
const version = fc.oneof(edited, mixed);
const histories = fc.oneof(
  fc.array(fc.tuple(fc.array(version, { minLength: 1, maxLength: 3 }), fc.boolean()), { minLength: 1, maxLength: 8 }),
  fc.array(fc.tuple(fc.tuple(edited), fc.constant(true)), { minLength: 3, maxLength: 8 }),
);

test('every version of a history of up to three instructions gives the files that it gives alone; a layer that is not of it is told', async () => {
  let extended = 0;
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const store = new MemoryStore();
      for (const [versions, isRemembered] of history) {
        const instructions = versions.map((sources) => entriesOf(new Map(sources)));
        const made = await copiedLayers(instructions, { store, name: 'web', below: [] });
        const alone = await copiedLayers(instructions, { store, name: 'alone', below: [], canonical: true });
        expect(sorted(await applied(only(made.layers), store))).toEqual(sorted(await applied(only(alone.layers), store)));
        if (!made.extended) expect(ids(made.layers)).toEqual(ids(alone.layers));
        else extended += 1;
        if (isRemembered) await made.remember();
      }
    }),
    { numRuns: 300 },
  );
  expect(extended).toBeGreaterThan(20);
}, 120_000);
