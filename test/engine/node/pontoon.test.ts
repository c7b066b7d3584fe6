import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failed } from '../../../src/core/failure.js';
import { artifactLayers } from '../../../src/layers/artifact-layers.js';
import { MAX_LAYERS } from '../../../src/layers/plan-layers.js';
import { replayLayers, tableOf, treeOf, type Version } from '../../support/layer-history.js';
import { differences, openRig, type Rig } from './rig.js';

/** The workspace of a real project: 716 packages, and twelve successive versions of its lock. */
const CASES = process.env['WHEELWRIGHT_CASES'] ?? join(import.meta.dirname, '../../../../shared/cases');
const IMAGE = process.env['WHEELWRIGHT_TEST_PONTOON_BUILDER'] ?? 'wheelwright-test/pontoon-builder';

let dir: string;
let rig: Rig;
const versions: Version[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-pontoon-'));
  rig = await openRig(dir, IMAGE);
});

afterAll(async () => {
  await rig.close();
  await rm(dir, { recursive: true, force: true });
});

async function useCase(name: string): Promise<void> {
  await rig.project({});
  await promisify(execFile)(join(CASES, 'prepare'), [`pontoon/${name}`, join(dir, 'case')]);
  // The case is read-only, and so is what `prepare` makes of it.
  await promisify(execFile)('chmod', ['-R', 'u+w', join(dir, 'case')]);
  await cp(join(dir, 'case'), rig.root, { recursive: true });
  await rm(join(dir, 'case'), { recursive: true, force: true });
}

test('its history: each step fetches what is new in it, and a step with nothing new asks the network nothing', async () => {
  const steps = ['01-3b02c399', '02-931e312f', '03-dd780e25', '04-5b2c8bd7', '05-ea0656df', '06-3f695138', '07-43d60ec0', '08-15bce368', '09-d66271c9', '10-589bb7c7', '11-d8caec4a', '12-6580a5eb'];
  const fetched: number[] = [];
  for (const step of steps) {
    await useCase(`history/node/${step}`);
    rig.requests.length = 0;
    const { key, build } = await rig.plan();
    const { packages, artifact } = await build();
    versions.push({ name: step, key, artifact });
    expect(packages.fetched + packages.compiled + packages.reused).toBe(packages.total);
    fetched.push(packages.fetched + packages.compiled);
    expect(rig.requests).toHaveLength(packages.fetched + packages.compiled);
  }
  // The second lock has 58 new entries, 27 of them for other platforms or needed by those alone.
  expect(fetched.slice(1)).toEqual([31, 1, 53, 1, 0, 0, 2, 1, 2, 2, 0]);
}, 600_000);

test('its layers: one small one a step, no more than allowed, and in the end the tree is that of the canonical ones', async () => {
  const rows = await replayLayers(versions, rig.store);
  process.stdout.write(tableOf('layers of the node history', rows));
  for (const [index, { name, added, layers, waste, bytes, gzip, changed }] of rows.entries()) {
    expect([name, layers.length <= MAX_LAYERS, waste <= (bytes - waste) / 4]).toEqual([name, true, true]);
    if (index === 0) continue;
    expect([name, added.length <= 1 || added.length === layers.length]).toEqual([name, true]);
    // What changed, compressed; a layer's own folders, whiteouts and headers are little.
    if (added.length === 1) expect([name, gzip, gzip <= 1.5 * changed + 65_536]).toEqual([name, gzip, true]);
  }
  const { key, artifact } = versions.at(-1)!;
  const canonical = await artifactLayers({ key, name: 'history', artifact }, { store: rig.store, canonical: true });
  const [ours, wanted] = [await treeOf(rows.at(-1)!.layers, rig.store), await treeOf(canonical.layers, rig.store)];
  expect([...wanted].filter(([path, what]) => ours.get(path) !== what).slice(0, 20)).toEqual([]);
  expect(ours.size).toBe(wanted.size);
  expect(wanted.size).toBeGreaterThan(30_000);
}, 600_000);

test('the head equals what npm ci makes, and needs nothing the second time', async () => {
  await useCase('head');
  const planned = await rig.plan();
  const built = await planned.build();
  expect(built.packages.total).toBe(716);
  expect(differences(await rig.listing(built), await rig.npmCi())).toEqual([]);
  expect(await planned.missing()).toEqual([]);
  rig.requests.length = 0;
  const again = await (await rig.plan()).build();
  expect(again.artifact).toEqual(built.artifact);
  expect(again.packages).toEqual({ ...built.packages, reused: built.packages.total, fetched: 0 });
  expect(rig.requests).toEqual([]);
}, 600_000);

test('an older Node is npm\'s engine error', async () => {
  await useCase('head');
  const facts = { ...rig.facts, node: { ...rig.facts.node!, version: '20.19.2' } };
  const failure = await rig.plan({}, { facts: () => Promise.resolve(facts) }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Failed);
  const { problems } = failure as Failed;
  expect(problems[0]).toMatchObject({ reason: 'unsupported', message: expect.stringContaining('needs node'), place: { file: 'package-lock.json' } });
});
