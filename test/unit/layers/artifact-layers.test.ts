import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import type { Artifact, Part } from '../../../src/artifact/artifact.js';
import { Failed } from '../../../src/core/failure.js';
import type { Digest, RequirementHash } from '../../../src/core/identity.js';
import { artifactLayers, type ArtifactLayers } from '../../../src/layers/artifact-layers.js';
import { MAX_LAYERS } from '../../../src/layers/plan-layers.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { MissingBlob, type Store } from '../../../src/store/store.js';
import { applied, artifact, composed, contentOf, file, folder, hardlink, keyOf, part, sorted, symlink } from './trees.js';

/** Leaves and folders of pieces: few names, so that they overlap; a name is always one of both. */
const folders = ['lib', 'lib/a', 'lib/b', 'lib/a/deep', 'bin', 'empty'];
const names = ['one', 'two', 'three', 'lib/one', 'lib/a/one', 'lib/a/two', 'lib/a/deep/one', 'lib/b/one', 'lib/b/two', 'bin/tool', `lib/b/${'long'.repeat(30)}`, 'lib/ünï'];
const item = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constantFrom(...names), fc.nat(3), fc.constantFrom(0o644, 0o755)).map(([path, content, mode]) => file(path, `${content}`.repeat(content * 400), mode)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...names), fc.constantFrom('one', 'x'.repeat(120))).map(([path, target]) => symlink(path, target)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...folders), fc.constantFrom(0o755, 0o700, 0o555)).map(([path, mode]) => folder(path, mode)) },
  { weight: 2, arbitrary: fc.constantFrom(...names).map((path) => ({ linkAt: path })) },
);
type Item = PackItem | { readonly linkAt: string };
const piece = fc.record({
  at: fc.constantFrom('/opt/venv', '/opt/venv', '/opt/venv/lib', '/opt/venv/lib/a', '/opt/venv/lib/a/deep'),
  items: fc.array(item, { minLength: 1, maxLength: 8 }),
  name: fc.constantFrom('a 1', 'a 2', 'b 1', 'c 1', undefined),
});
const pieces = fc.uniqueArray(piece, { maxLength: 6 });
/** What becomes of a list of pieces: left out, moved, added. */
const change = fc.record({ drop: fc.nat(), move: fc.option(fc.nat()), add: fc.array(fc.tuple(fc.nat(), piece), { maxLength: 2 }) });
const histories = fc.tuple(pieces, fc.array(change, { maxLength: 6 }));

interface Piece {
  readonly at: string;
  readonly items: readonly Item[];
  readonly name: string | undefined;
}

/** Hard links go to the first file of the piece; those of deeper places lose what would clash. */
function itemsOf({ at, items }: Piece): PackItem[] {
  const files = items.flatMap((one) => ('entry' in one && one.entry.type === 'file' ? [one.entry.path] : [])).sort();
  return items.flatMap((one) => {
    const path = 'entry' in one ? one.entry.path : one.linkAt;
    if (clashes(`${at.slice('/opt/venv'.length)}/${path}`.slice(1), 'entry' in one && one.entry.type === 'directory')) return [];
    if ('entry' in one) return [one];
    const [target] = files;
    return target === undefined || target >= path || clashes(`${at.slice('/opt/venv'.length)}/${target}`.slice(1), false) ? [] : [hardlink(path, target)];
  });
}

function clashes(path: string, isFolder: boolean): boolean {
  return isFolder ? names.includes(path) : folders.includes(path);
}

async function built(store: Store, list: readonly Piece[]): Promise<Artifact> {
  const parts: Part[] = [];
  for (const one of list) {
    try {
      parts.push(await part(store, one.at, itemsOf(one), one.name));
    } catch (error) {
      // Links in the way of folders, and what else no piece may have.
      if (!(error instanceof Failed)) throw error;
    }
  }
  return artifact(parts);
}

function stepsOf([first, changes]: readonly [readonly Piece[], readonly { readonly drop: number; readonly move: number | null; readonly add: readonly (readonly [number, Piece])[] }[]]): Piece[][] {
  const steps = [[...first]];
  for (const { drop, move, add } of changes) {
    const next = [...(steps.at(-1) as Piece[])];
    if (next.length > 0) next.splice(drop % next.length, 1);
    if (move !== null && next.length > 1) next.unshift(...next.splice(move % next.length, 1));
    for (const [where, one] of add) next.splice(where % (next.length + 1), 0, one);
    steps.push(next);
  }
  return steps;
}

const layersOf = (whole: Artifact, store: Store, options: { readonly canonical?: boolean } = {}): Promise<ArtifactLayers> =>
  artifactLayers({ key: keyOf(whole), name: 'python', artifact: whole }, { store, ...options });

async function outcome<T>(work: () => Promise<T>): Promise<T | 'clash'> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failed) return 'clash';
    throw error;
  }
}

describe('layers of random artifacts', () => {
  test('applied one over the other they are the artifact, extended or canonical; sizes, bounds and waste hold', async () => {
    let extended = 0;
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const store = new MemoryStore();
        for (const list of stepsOf(history)) {
          const whole = await built(store, list);
          const wanted = await outcome(async () => sorted(await composed(whole, store)));
          const planned = await outcome(() => layersOf(whole, store));
          if (wanted === 'clash' || planned === 'clash') {
            expect([wanted, planned]).toEqual(['clash', 'clash']);
            continue;
          }
          const { layers, waste } = planned;
          expect(sorted(await applied(layers, store))).toEqual(wanted);
          expect(layers.length).toBeLessThanOrEqual(MAX_LAYERS);
          const bytes = layers.reduce((sum, { size }) => sum + size, 0);
          expect(waste).toBeLessThanOrEqual(bytes);
          const contents = await Promise.all(layers.map((layer) => contentOf(layer, store)));
          if (contents.some(({ removed }) => removed.length > 0) || waste > 0) extended += 1;
          const canonical = await layersOf(whole, store, { canonical: true });
          expect(canonical.waste).toBe(0);
          expect(sorted(await applied(canonical.layers, store))).toEqual(wanted);
          const elsewhere = new MemoryStore();
          const again = await layersOf(await built(elsewhere, list), elsewhere);
          expect(again.layers.map(({ diffId }) => diffId)).toEqual(canonical.layers.map(({ diffId }) => diffId));
          expect(await layersOf(whole, store)).toEqual(expect.objectContaining({ layers, waste }));
        }
      }),
      { numRuns: 30, seed: 42 },
    );
    expect(extended).toBeGreaterThan(8);
  });
});

/** Packages of some kilobytes and glue, as a kind would make them: `name version`. */
async function packagesOf(store: Store, names: readonly string[]): Promise<Artifact> {
  const parts = await Promise.all(names.map((name) => part(store, `/opt/venv/lib/${name.split(' ')[0]}`, [file('index.js', name.repeat(500)), file('README', name)], name)));
  return artifact([...parts, await part(store, '/opt/venv', [file('list', names.join()), symlink('bin/tool', '../lib/a')])]);
}

const many = (count: number, version = 1): string[] => Array.from({ length: count }, (_, index) => `package-${index} ${version}`);
const diffIds = ({ layers }: ArtifactLayers): string[] => layers.map(({ diffId }) => diffId);

/** The store, and which blobs were read from it. */
function watched(store: Store): { readonly store: Store; readonly read: Set<Digest> } {
  const read = new Set<Digest>();
  const watching = {
    readBlob: { value: (digest: Digest) => (read.add(digest), store.readBlob(digest)) },
    readBlobBytes: { value: (digest: Digest) => (read.add(digest), store.readBlobBytes(digest)) },
  };
  return { store: Object.create(store, watching) as Store, read };
}

describe('a changed package', () => {
  test('is one small layer on top; only the two versions of it and of the glue are read', async () => {
    const { store, read } = watched(new MemoryStore());
    const names = many(100);
    const first = await layersOf(await packagesOf(store, names), store);
    const changed = await packagesOf(store, names.map((name) => (name === 'package-7 1' ? 'package-7 2' : name)));
    read.clear();
    const second = await layersOf(changed, store);
    expect(diffIds(second).slice(0, -1)).toEqual(diffIds(first));
    expect(read.size).toBe(4);
    expect(second.layers.at(-1)?.size).toBeLessThan(20_000);
    expect(second.waste).toBeGreaterThan(6000);
    expect(second.waste).toBeLessThan(20_000);
    expect(sorted(await applied(second.layers, store))).toEqual(sorted(await composed(changed, store)));
  });

  test('brings only those of its files that are other than before, whatever their sizes', async () => {
    const { store, read } = watched(new MemoryStore());
    const others = await Promise.all(many(20).map((name) => part(store, `/opt/venv/lib/${name}`, [file('index.js', name)], name)));
    const kept = [file('deep/kept', 'k'.repeat(3000)), symlink('kept-link', 'deep/kept'), file('mode', 'm'), symlink('link', 'one')];
    const before = [...kept, file('same-size', 'one'), file('gone', 'g'), hardlink('hard', 'deep/kept')];
    const after = [...kept.slice(0, 2), file('mode', 'm', 0o755), symlink('link', 'two'), file('same-size', 'two'), file('new', 'n'), hardlink('hard', 'deep/kept')];
    const first = await layersOf(artifact([...others, await part(store, '/opt/venv/lib/it', before, 'it 1')]), store);
    const bumped = artifact([...others, await part(store, '/opt/venv/lib/it', after, 'it 2')]);
    read.clear();
    const second = await layersOf(bumped, store);
    expect(read.size).toBe(2);
    expect(diffIds(second).slice(0, -1)).toEqual(diffIds(first));
    const top = await contentOf(second.layers.at(-1)!, store);
    expect(top.parts.map(({ only }) => only)).toEqual([['hard', 'link', 'mode', 'new', 'same-size']]);
    expect(top.removed).toEqual(['opt/venv/lib/it/gone']);
    expect(sorted(await applied(second.layers, store))).toEqual(sorted(await composed(bumped, store)));
  });

  test('whose earlier version has rotted in the store is laid afresh', async () => {
    const store = new MemoryStore();
    const names = many(20);
    const first = await packagesOf(store, names);
    await layersOf(first, store);
    const changed = await packagesOf(store, names.map((name) => (name === 'package-7 1' ? 'package-7 2' : name)));
    store.blobs.set(first.parts[7]!.piece, Buffer.from('other bytes'));
    const second = await layersOf(changed, store);
    expect(second.waste).toBe(0);
    expect(sorted(await applied(second.layers, store))).toEqual(sorted(await composed(changed, store)));
  });

  test('that is gone is a whiteout for its folder', async () => {
    const store = new MemoryStore();
    await layersOf(await packagesOf(store, many(100)), store);
    const { layers } = await layersOf(await packagesOf(store, many(99)), store);
    expect(await contentOf(layers.at(-1)!, store)).toMatchObject({ removed: ['opt/venv/lib/package-99'] });
  });

  test('the same content under another key has the same layers, and reads nothing', async () => {
    const { store, read } = watched(new MemoryStore());
    const whole = await packagesOf(store, many(20));
    const first = await layersOf(whole, store);
    read.clear();
    expect(diffIds(await artifactLayers({ key: 'f'.repeat(64) as RequirementHash, name: 'python', artifact: whole }, { store }))).toEqual(diffIds(first));
    expect(read.size).toBe(0);
  });

  test('the cheapest of the earlier versions is extended: back to the first is the first with nothing on top', async () => {
    const store = new MemoryStore();
    const versions = [1, 2, 3].map((version) => ['package-0', 'package-1'].map((name) => `${name} ${version}`));
    const others = many(100).slice(2);
    const wholes = await Promise.all(versions.map((names) => packagesOf(store, [...names, ...others])));
    const results: ArtifactLayers[] = [];
    for (const whole of wholes) results.push(await layersOf(whole, store));
    const back = await artifactLayers({ key: 'f'.repeat(64) as RequirementHash, name: 'python', artifact: wholes[0] as Artifact }, { store });
    expect(diffIds(back)).toEqual(diffIds(results[0] as ArtifactLayers));
  });

  test('another name, prefix or folders above it have layers of their own', async () => {
    const store = new MemoryStore();
    const whole = await packagesOf(store, many(10));
    const smaller = await packagesOf(store, many(9));
    await layersOf(whole, store);
    const canonical = await layersOf(smaller, store, { canonical: true });
    expect(diffIds(await artifactLayers({ key: 'f'.repeat(64) as RequirementHash, name: 'other', artifact: smaller }, { store }))).toEqual(diffIds(canonical));
    const above = [{ path: 'opt', mode: 0o2775, uid: 0, gid: 1000 }];
    const own = await artifactLayers({ key: keyOf(smaller), name: 'python', artifact: smaller, above }, { store });
    expect(own.layers.every(({ diffId }) => !diffIds(canonical).includes(diffId))).toBe(true);
    expect((await applied(own.layers, store)).get('opt')).toBe('folder 2775 0:1000');
    const usual = [{ path: 'opt', mode: 0o755, uid: 0, gid: 0 }];
    expect(diffIds(await artifactLayers({ key: 'e'.repeat(64) as RequirementHash, name: 'other', artifact: smaller, above: usual }, { store }))).toEqual(diffIds(canonical));
  });

  test('waste and layers stay within their bounds, for ever', async () => {
    const store = new MemoryStore();
    let most = 0;
    let resets = 0;
    let before = 0;
    for (let step = 0; step < 60; step += 1) {
      const names = many(40).map((name, index) => (index <= 0 ? `big-${index} ${step % 7}` : index % 40 === step % 40 ? `${name.split(' ')[0]} ${step}` : name));
      const { layers, waste } = await layersOf(await packagesOf(store, names), store);
      const bytes = layers.reduce((sum, { size }) => sum + size, 0);
      most = Math.max(most, layers.length);
      if (layers.length < before) resets += 1;
      before = layers.length;
      expect(layers.length).toBeLessThanOrEqual(MAX_LAYERS);
      expect(waste).toBeLessThanOrEqual((bytes - waste) * 0.25);
    }
    expect(most).toBeGreaterThan(3);
    expect(resets).toBeGreaterThan(1);
  });
});

describe('canonical layers', () => {
  test('a small change leaves most of them what they are', async () => {
    const store = new MemoryStore();
    const big = async (version: number): Promise<Artifact> => {
      const parts = await Promise.all(many(60).map(async (name, index) => ({ ...(await part(store, `/opt/venv/${name.split(' ')[0]}`, [file('f', `${name}${index === 30 ? version : ''}`)], name)), size: 12_000_000 })));
      const [first, ...rest] = parts as [Part, ...Part[]];
      return artifact([{ ...first, size: 100_000_000 }, ...rest, await part(store, '/opt/venv', [file('glue', `${version}`)])]);
    };
    const [one, two] = [await layersOf(await big(1), store, { canonical: true }), await layersOf(await big(2), store, { canonical: true })];
    // The large one, eight others, and what belongs to no package.
    expect(one.layers).toHaveLength(10);
    expect(diffIds(two).filter((id) => !diffIds(one).includes(id))).toHaveLength(2);
    expect(diffIds(two).at(-2)).toBe(diffIds(one).at(-2));
  });

  test('an artifact without parts has none', async () => {
    expect(await layersOf(artifact([]), new MemoryStore())).toEqual({ layers: [], waste: 0 });
  });

  test('a piece that is gone is told, and nothing is recorded', async () => {
    const store = new MemoryStore();
    const whole = await packagesOf(store, many(3));
    const { piece: gone } = whole.parts[1] as Part;
    const bytes = store.blobs.get(gone) as Buffer;
    store.blobs.delete(gone);
    await expect(layersOf(whole, store)).rejects.toThrow(MissingBlob);
    store.blobs.set(gone, bytes);
    expect((await layersOf(whole, store)).layers).not.toHaveLength(0);
  });

  test('two at once plan once', async () => {
    const { store } = watched(new MemoryStore());
    const whole = await packagesOf(store, many(10));
    const [one, two] = await Promise.all([layersOf(whole, store), layersOf(whole, store)]);
    expect(one).toEqual(two);
  });
});
