import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import type { Part } from '../../../src/artifact/artifact.js';
import type { Engine } from '../../../src/engine/engine.js';
import { artifactLayers } from '../../../src/layers/artifact-layers.js';
import type { Layer } from '../../../src/layers/layer.js';
import { openLayer } from '../../../src/layers/open-layer.js';
import { createLoader } from '../../../src/load/load-images.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { connectTestEngine, ENGINES } from '../../support/engines.js';
import { numbers } from '../../support/random.js';
import { engineLayer, loadable } from '../../contract/load/rig.js';
import { artifact, file, folder, hardlink, keyOf, part, symlink } from '../../unit/layers/trees.js';

const target = ENGINES.find(({ name }) => name.includes('graphdriver'))!;
const LABEL = `wheelwright.unpacked.test=${randomUUID()}`;
const labels = Object.fromEntries([LABEL.split('=') as [string, string]]);

let engine: Engine;
let base: readonly string[];
beforeAll(async () => {
  engine = await connectTestEngine(target);
  base = (await engine.image(target.image))!.layers;
});
afterAll(async () => {
  for (const { id } of await engine.images([LABEL])) await engine.removeImage(id);
});

/** Names that sort otherwise by character than a walk comes to them, that ustar has room for only in part, and that need pax. */
const NAMES = ['a', 'a-b', 'a.js', 'a b', 'A', 'lib', 'lib64', '@scope', 'ß', '\u{1f600}', '\uffee', 'n'.repeat(90), 'm'.repeat(120), 'deep'.repeat(20)];

/** Packages that lie in and beside one another. */
async function randomParts(store: MemoryStore, seed: number): Promise<readonly Part[]> {
  const next = numbers(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T;
  const parts: Part[] = [];
  const places = ['/opt/venv'];
  for (let index = 0; index < 24; index += 1) {
    const at = pick(places);
    const own = `p${index}-${pick(NAMES)}`;
    const items: PackItem[] = [folder(own, pick([0o755, 0o755, 0o700, 0o2775]))];
    let inside = own;
    for (let count = 0; count < 6; count += 1) {
      const path = `${inside}/${count}${pick(NAMES)}`;
      const kind = next();
      if (kind < 0.3) {
        inside = path;
        items.push(folder(path, pick([0o755, 0o750])));
      } else if (kind < 0.4) items.push(symlink(path, pick(['../x', 't'.repeat(130), 'ü'])));
      else items.push(file(path, 'x'.repeat(Math.floor(next() * 2000)), pick([0o644, 0o755, 0o600])));
    }
    items.push(file(`${own}/last`, own), hardlink(`${own}/last-link`, `${own}/last`));
    parts.push(await part(store, at, items, `package-${index} 1.0`));
    if (next() < 0.5) places.push(`${at}/${own}/node_modules`);
  }
  return parts;
}

async function imageOf(store: MemoryStore, layers: readonly Layer[], tag: string) {
  const image = loadable([...base.map(engineLayer), ...layers], { tags: [tag], known: base.length, labels });
  await createLoader({ engine, store }).load([image]);
}

describe('what the builder of a new engine packs again after unpacking', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('is a fresh set of layers, to the bit (%i)', async (seed) => {
    const store = new MemoryStore();
    const whole = artifact(await randomParts(store, seed));
    const { layers } = await artifactLayers({ key: keyOf(whole), name: 'x', artifact: whole }, { store, canonical: true });
    const tag = `localhost/wheelwright-test/unpacked:${randomUUID()}`;
    await imageOf(store, [], tag);

    const id = await engine.unpack({ from: tag, tars: layers.map((layer) => () => openLayer(layer, store)) });

    expect((await engine.image(id))!.layers).toEqual([...base, ...layers.map(({ diffId }) => diffId)]);
    await engine.removeImage(id);
  });
});
