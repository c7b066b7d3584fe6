import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import type { Artifact, Part } from '../../../src/artifact/artifact.js';
import { Failed } from '../../../src/core/failure.js';
import { artifactLayers, MAX_LAYERS, type ArtifactLayers } from '../../../src/layers/artifact-layers.js';
import { MemoryStore } from '../../../src/store/memory.js';
import type { Store } from '../../../src/store/store.js';
import { applied, artifact, composed, file, folder, hardlink, keyOf, part, sorted, symlink } from './trees.js';

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
          if (layers.some(({ content }) => content.kind === 'pieces' && content.removed.length > 0) || waste > 0) extended += 1;
          const canonical = await layersOf(whole, store, { canonical: true });
          expect(canonical.waste).toBe(0);
          expect(sorted(await applied(canonical.layers, store))).toEqual(wanted);
          const elsewhere = new MemoryStore();
          const again = await layersOf(await built(elsewhere, list), elsewhere);
          expect(again.layers.map(({ diffId }) => diffId)).toEqual(canonical.layers.map(({ diffId }) => diffId));
          expect(await layersOf(whole, store)).toEqual(expect.objectContaining({ layers, waste }));
        }
      }),
      { numRuns: 60, seed: 42 },
    );
    expect(extended).toBeGreaterThan(15);
  });
});
