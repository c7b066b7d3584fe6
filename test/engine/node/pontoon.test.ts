import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failed } from '../../../src/core/failure.js';
import { differences, openRig, type Rig } from './rig.js';

/** The workspace of a real project: 716 packages, and twelve successive versions of its lock. */
const CASES = process.env['WHEELWRIGHT_TEST_CASES'] ?? '../shared/cases';
const IMAGE = process.env['WHEELWRIGHT_TEST_PONTOON_BUILDER'] ?? 'wheelwright-test/pontoon-builder';

let dir: string;
let rig: Rig;

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

test('the head equals what npm ci makes, and is fetched once', async () => {
  await useCase('head');
  const planned = await rig.plan();
  const built = await planned.build();
  expect(differences(await rig.listing(built), await rig.npmCi())).toEqual([]);
  expect(await planned.missing()).toEqual([]);
  rig.requests.length = 0;
  const again = await (await rig.plan()).build();
  expect(again.artifact).toEqual(built.artifact);
  expect(again.packages).toEqual({ ...built.packages, reused: built.packages.total, fetched: 0 });
  expect(rig.requests).toEqual([]);
});

test('an older Node is npm\'s engine error', async () => {
  await useCase('head');
  const facts = { ...rig.facts, node: { ...rig.facts.node!, version: '20.19.2' } };
  const failure = await rig.plan({}, { facts: () => Promise.resolve(facts) }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Failed);
  const { problems } = failure as Failed;
  expect(problems[0]).toMatchObject({ reason: 'unsupported', message: expect.stringContaining('needs node'), place: { file: 'package-lock.json' } });
});
