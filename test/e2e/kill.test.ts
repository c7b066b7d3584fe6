import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { storeLabel } from '../../src/builders/labels.js';
import { runCli, startCli, type CliProcess } from '../support/cli.js';
import { containersWith, docker, removeProject } from '../support/engine-cli.js';
import { killedAt } from '../support/killing.js';
import { writeFiles } from '../support/project.js';
import { numbers } from '../support/random.js';
import { startRegistry, type Registry } from '../support/registry.js';
import { shopFiles } from '../support/shop.js';

const NAME = `e2e-kill-${randomBytes(4).toString('hex')}`;
/** How often a run is killed; once for each version with another run beside it on the same store. */
const KILLS = 54;
const KILLS_PER_VERSION = 6;
let registry: Registry;
let dir: string;

beforeAll(async () => {
  registry = await startRegistry();
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
});
afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  await rm(dir, { recursive: true, force: true });
});

test('runs killed at random moments, alone and beside others: the store is sound, the next run completes and has the same result', async () => {
  const random = numbers(20_260_101);
  let version = 0;
  let killed = 0;
  await newVersion(version);
  expect((await runCli(['images'], { cwd: dir })).status).toBe(0);
  // What an undisturbed run takes here and now; kills are spread over it.
  let seconds = await timed(async () => {
    await newVersion((version += 1));
    expect((await runCli(['build'], { cwd: dir })).status).toBe(0);
  });
  const versions: number[] = [];
  while (killed < KILLS) {
    await newVersion((version += 1));
    versions.push(version);
    const command = version % 3 === 0 ? 'images' : 'build';
    for (let tries = 0; tries < KILLS_PER_VERSION; tries += 1) {
      const beside = tries === 3 ? await startCli([command], { cwd: dir }) : undefined;
      if (await killedAt(await startCli([command], { cwd: dir }), random() * seconds * 1000)) killed += 1;
      if (beside !== undefined) await expectDone(beside);
    }
    expect((await runCli(['verify'], { cwd: dir })).stderr).toBe('');
    seconds = await timed(async () => expectDone(await startCli([command], { cwd: dir })));
    // Nothing in the store is of this version yet when its first run starts; later ones have less to do.
    seconds = Math.max(seconds, 1.5);
    expect(await containersWith(storeOf())).toEqual([]);
  }
  expect((await runCli(['verify'], { cwd: dir })).status).toBe(0);
  await expectNoLeftovers();
  await expectSameAsUndisturbed(versions);
}, 900_000);

test('a builder of a killed run ends by itself', async () => {
  await newVersion(1000, 100);
  const running = await startCli(['build'], { cwd: dir });
  await running.shows('native 1.0.1000: compiling');
  // Running: one that was only created stays for the next run to remove, which the test above has seen.
  await until(async () => (await runningBuilders()) > 0);
  running.killGroup('SIGKILL');
  await running.result;
  await until(async () => (await containersWith(storeOf())).length === 0);
});

function storeOf(): string {
  return `wheelwright.store=${storeLabel(hostname(), join(dir, '.artifacts'))}`;
}

async function runningBuilders(): Promise<number> {
  const ids = await docker('ps', '--quiet', '--filter', `label=${storeOf()}`, '--filter', 'label=wheelwright.builder');
  return ids === '' ? 0 : ids.split('\n').length;
}

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await what()); tries += 1) {
    if (tries === 300) throw new Error('it does not happen');
    await pause(100);
  }
}

async function newVersion(version: number, seconds = 0): Promise<void> {
  await writeFiles(dir, shopFiles(registry, { name: NAME, version: `1.0.${version}`, compiled: { seconds } }));
}

async function expectDone(running: CliProcess): Promise<void> {
  const { status, stderr } = await running.result;
  expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
  expect(stderr).not.toMatch(/corrupt/);
}

async function expectNoLeftovers(): Promise<void> {
  const at = (name: string) => readdir(join(dir, '.artifacts/v1', name));
  expect([await at('tmp'), await at('work'), await at('processes'), await at('locks/shared'), await at('corrupt')]).toEqual([[], [], [], [], []]);
}

/** Makes the same artifacts in a new store, and compares what both say of them: pieces and wheels by their digests. */
async function expectSameAsUndisturbed(versions: readonly number[]): Promise<void> {
  const other = join(dir, 'undisturbed');
  for (const version of versions) {
    await newVersion(version);
    expect((await runCli(['--store', other, 'build'], { cwd: dir })).status).toBe(0);
  }
  const expected = await records(other);
  const found = await records(join(dir, '.artifacts'));
  expect(expected.size).toBe(2 * versions.length);
  expect(new Map([...found].filter(([key]) => expected.has(key)))).toEqual(expected);
}

async function records(store: string): Promise<Map<string, unknown>> {
  const folder = join(store, 'v1/records/artifacts');
  const names = await readdir(folder);
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
