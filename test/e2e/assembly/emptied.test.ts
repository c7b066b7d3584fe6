import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectEngine } from '../../../src/engine/connect.js';
import { runCli } from '../../support/cli.js';
import { temporaryFolder } from '../../support/images/project.js';
import { ownEngine, type OwnEngine } from '../../support/own-engine.js';
import { writeFiles } from '../../support/project.js';

interface Built {
  readonly images: readonly { readonly name: string; readonly id: string; readonly status: string }[];
}

const NAME = 'emptied';
let dir: string;
let engine: OwnEngine;

beforeAll(async () => {
  dir = await temporaryFolder();
  await writeFiles(dir, {
    'project.yml': `name: ${NAME}\nimages:\n  deps: { context: images/deps }\n  base: { context: images/base }\n  web: { context: images/web }\n`,
    'images/deps/Dockerfile': 'FROM scratch\nCOPY noise /noise\n',
    'images/deps/noise': randomBytes(4 << 20),
    'images/base/Dockerfile': 'FROM deps\nCOPY page /page\n',
    'images/base/page': 'one',
    'images/web/Dockerfile': 'FROM base\nCMD ["/page"]\n',
  });
  // A temporary folder of the suite would be removed while the engine runs.
  engine = ownEngine(await mkdtemp(join(tmpdir(), 'wheelwright-emptied-')));
  await engine.start();
}, 120_000);
afterAll(async () => {
  await engine.stop();
  engine.remove();
  await rm(dir, { recursive: true, force: true });
});

async function images(): Promise<Built['images']> {
  const result = await runCli(['images', '--json'], { cwd: dir, env: { DOCKER_HOST: engine.host } });
  expect(result.stderr).not.toMatch(/error/);
  return result.json<Built>().images;
}

const statuses = (built: Built['images']): string => built.map(({ name, status }) => `${name} ${status}`).join(', ');

/** What the engine gives out is what it has: names of all files of the image's layers. */
function files(): string[] {
  const docker = (...args: string[]) => execFileSync('docker', args, { env: { ...process.env, DOCKER_HOST: engine.host }, maxBuffer: 1 << 26 });
  const container = docker('create', `${NAME}-web:latest`).toString().trim();
  try {
    return execFileSync('tar', ['-tf', '-'], { input: docker('export', container), encoding: 'utf8' }).split('\n').filter((name) => /^(?:noise|page)$/.test(name)).sort();
  } finally {
    docker('rm', container);
  }
}

test('an engine that starts again with an empty disk gets everything again, and as it was', async () => {
  const first = await images();
  expect(statuses(first)).toBe('deps built, base built, web built');
  expect(files()).toEqual(['noise', 'page']);

  await engine.stop();
  await engine.start();
  expect(statuses(await images())).toBe('deps present, base present, web present');

  await engine.stop();
  engine.empty();
  await engine.start();
  expect(await connectEngine({ host: engine.host }).image(`${NAME}-web:latest`)).toBeUndefined();
  const second = await images();
  expect(statuses(second)).toBe('deps built, base built, web built');
  expect(second.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  expect(files()).toEqual(['noise', 'page']);
}, 240_000);

test('a changed file, on an engine that was emptied meanwhile', async () => {
  await engine.stop();
  engine.empty();
  await engine.start();
  await writeFiles(dir, { 'images/base/page': 'two' });
  expect(statuses(await images())).toBe('deps built, base built, web built');
  expect(files()).toEqual(['noise', 'page']);
}, 240_000);
