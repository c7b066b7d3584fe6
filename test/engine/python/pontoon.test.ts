import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Built } from '../../../src/artifact/artifact.js';
import type { Planned } from '../../../src/artifact/kind.js';
import { artifactLayers } from '../../../src/layers/artifact-layers.js';
import { MAX_LAYERS } from '../../../src/layers/plan-layers.js';
import { replayLayers, tableOf, treeOf } from '../../support/layer-history.js';
import { differences, item, openRig, PREFIX } from './install-rig.js';
import type { Rig } from './install-rig.js';

const IMAGE = process.env['WHEELWRIGHT_TEST_PONTOON_BUILDER'] ?? 'wheelwright-test/pontoon-builder';
const CASES = process.env['WHEELWRIGHT_CASES'] ?? join(import.meta.dirname, '../../../../shared/cases');
const HISTORY = join(CASES, 'pontoon/history/python');

interface Step {
  readonly name: string;
  readonly planned: Planned;
  readonly built: Built;
  readonly requests: readonly string[];
  readonly warnings: readonly string[];
}

let dir: string;
let rig: Rig;
const steps: Step[] = [];

/** Twelve successive versions of one requirements file, built in order on one store that was empty before. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-pontoon-'));
  rig = await openRig(join(dir, 'online'), { image: IMAGE });
  for (const name of (await readdir(HISTORY)).sort()) {
    await rig.write({ 'requirements.txt': await readFile(join(HISTORY, name, 'prod.txt')) });
    rig.events.length = 0;
    rig.requests.length = 0;
    const planned = await rig.plan();
    const built = await planned.build();
    const warnings = rig.events.flatMap((event) => (event.type === 'warning' ? [event.problem.message] : []));
    steps.push({ name, planned, built, requests: [...rig.requests], warnings });
  }
}, 900_000);

afterAll(async () => {
  await rig?.close();
  await rm(dir, { recursive: true, force: true });
});

const packagesOf = ({ built }: Step): readonly string[] => built.artifact.parts.flatMap((part) => part.package ?? []);

test('the first step gets everything, four packages compiled', () => {
  expect(steps).toHaveLength(12);
  expect(steps[0]?.built.packages).toEqual({ total: 117, reused: 0, fetched: 113, compiled: 4 });
});

test('each further step gets the packages that changed and no other', () => {
  const seen = new Set(packagesOf(steps[0] as Step));
  for (const step of steps.slice(1)) {
    const changed = packagesOf(step).filter((name) => !seen.has(name));
    const { fetched, compiled, total } = step.built.packages;
    expect([step.name, fetched + compiled, total]).toEqual([step.name, changed.length, packagesOf(step).length]);
    if (changed.length === 0) expect([step.name, step.requests]).toEqual([step.name, []]);
    // Two questions for a new pin at most: its index page and its file.
    expect(step.requests.length).toBeLessThanOrEqual(2 * changed.length);
    changed.forEach((name) => seen.add(name));
  }
});

test('what the files do not pin is said once a lock, and stays the same', () => {
  expect(steps[0]?.warnings).toEqual([]);
  const chosen = new Set(steps.slice(1).flatMap((step) => packagesOf(step).filter((name) => name.startsWith('setuptools '))));
  expect(chosen.size).toBe(1);
  for (const step of steps.slice(1)) {
    expect(step.warnings).toEqual([expect.stringMatching(/^the files of python do not pin everything; .*: setuptools [0-9.]+ \(missing, needed by django-pipeline [0-9.]+\)$/)]);
  }
});

test('the key records differ in the pins that changed and nothing else', () => {
  for (const [index, step] of steps.entries()) {
    if (index < 2) continue;
    const [before, after] = [steps[index - 1] as Step, step].map(({ planned }) => planned.record);
    const changed = (field: string): readonly string[] => {
      const [a, b] = [before?.[field], after?.[field]] as unknown as [Record<string, unknown>, Record<string, unknown>];
      return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
    };
    const fields = Object.keys({ ...before, ...after }).filter((field) => JSON.stringify(before?.[field]) !== JSON.stringify(after?.[field]));
    expect(fields).toEqual(['requirements']);
    const installed = (of: Step): Map<string, string> => new Map(packagesOf(of).map((name) => name.split(' ') as [string, string]));
    const [old, now] = [installed(steps[index - 1] as Step), installed(step)];
    const differing = [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
    expect([...changed('requirements')].sort()).toEqual(differing.sort());
  }
});

test('its layers: one small one a step, no more than allowed, and in the end the tree is that of the canonical ones', async () => {
  const versions = steps.map(({ name, planned, built }) => ({ name, key: planned.key, artifact: built.artifact }));
  const rows = await replayLayers(versions, rig.store);
  process.stdout.write(tableOf('layers of the python history', rows));
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

test('the environment is what uv installs from the same file', async () => {
  const { built } = steps.at(-1) as Step;
  const ours = await rig.listing(built.artifact);
  const setuptools = packagesOf(steps.at(-1) as Step).find((name) => name.startsWith('setuptools '))?.replace(' ', '==');
  const install = `uv pip install -q --compile-bytecode --no-config --python ${PREFIX}/bin/python`;
  const oracle = await rig.oracle(`${install} --no-deps -r requirements.txt\n${install} ${setuptools}`, [item('requirements.txt', await readFile(join(rig.root, 'requirements.txt')))]);
  expect(differences(ours, oracle)).toEqual([]);
  expect(Object.keys(ours).length).toBeGreaterThan(40_000);
}, 600_000);

test('with all packages in the store every step needs no network, and makes the same artifact', async () => {
  const offline = await openRig(join(dir, 'offline'), { image: IMAGE, store: rig.store, settings: { network: 'none', env: [] } });
  try {
    for await (const { key } of rig.store.listRecords('locks')) await rig.store.deleteRecord('locks', key);
    for (const step of [steps[11], steps[4]] as Step[]) {
      await offline.write({ 'requirements.txt': await readFile(join(HISTORY, step.name, 'prod.txt')) });
      const planned = await offline.plan({}, { offline: true });
      expect([step.name, planned.key]).toEqual([step.name, step.planned.key]);
      expect(await planned.missing()).toEqual([]);
      const built = await planned.build();
      expect(built.packages).toMatchObject({ reused: built.packages.total, fetched: 0, compiled: 0 });
      expect(built.artifact).toEqual(step.built.artifact);
    }
    expect(offline.requests).toEqual([]);
  } finally {
    await offline.close();
  }
}, 120_000);

test('offline with a package missing: it is named, with its place and advice, and nothing is lost', async () => {
  const { planned } = steps.at(-1) as Step;
  for await (const { key, value } of rig.store.listRecords('packages')) {
    if ((value as { readonly name?: string }).name === 'celery') await rig.store.deleteRecord('packages', key);
  }
  expect(await planned.missing()).toEqual(['celery 5.4.0']);
  await expect(rig.plan({}, { offline: true }).then((again) => again.build())).rejects.toMatchObject({
    problems: [{ reason: 'offline', message: 'celery 5.4.0 is not in the store, and the network is forbidden', advice: expect.stringContaining('--offline') }],
  });
  const again = await (await rig.plan()).build();
  expect(again.packages).toEqual({ total: 117, reused: 116, fetched: 1, compiled: 0 });
}, 120_000);
