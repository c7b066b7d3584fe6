import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Built } from '../../../src/artifact/artifact.js';
import { differences, item, openRig, PREFIX } from './install-rig.js';
import type { Rig } from './install-rig.js';

const IMAGE = process.env['WHEELWRIGHT_TEST_PONTOON_BUILDER'] ?? 'wheelwright-test/pontoon-builder';
const CASE = process.env['WHEELWRIGHT_CASES'] ?? join(import.meta.dirname, '../../../../shared/cases');

let dir: string;
let rig: Rig;
let built: Built;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-pontoon-'));
  rig = await openRig(dir, { image: IMAGE });
  await rig.write({ 'requirements.txt': await readFile(join(CASE, 'pontoon/head/requirements/prod.txt')) });
  const t = Date.now();
  const planned = await rig.plan();
  console.log('plan', Date.now() - t);
  built = await planned.build();
  console.log('build', Date.now() - t);
}, 600_000);

afterAll(async () => {
  await rig?.close();
  await rm(dir, { recursive: true, force: true });
});

test('every package is fetched or compiled, and what was not pinned is said once', () => {
  expect(built.packages).toEqual({ total: 117, reused: 0, fetched: 113, compiled: 4 });
  const warnings = rig.events.flatMap((event) => (event.type === 'warning' ? [event.problem.message] : []));
  console.log(warnings);
  expect(warnings).toEqual([expect.stringMatching(/^the files of python do not pin everything.*setuptools [0-9.]+ \(missing, needed by django-pipeline/)]);
});

test('the environment is what uv installs from the same file', async () => {
  const ours = await rig.listing(built.artifact);
  const setuptools = built.artifact.parts.find((part) => part.package?.startsWith('setuptools '))?.package?.replace(' ', '==');
  const install = `uv pip install -q --compile-bytecode --no-config --python ${PREFIX}/bin/python`;
  const oracle = await rig.oracle(`${install} --no-deps -r requirements.txt\n${install} ${setuptools}`, [item('requirements.txt', await readFile(join(rig.root, 'requirements.txt')))]);
  expect(differences(ours, oracle)).toEqual([]);
  expect(Object.keys(ours).length).toBeGreaterThan(40_000);
}, 600_000);
