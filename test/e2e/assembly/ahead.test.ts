import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { groupOf, spreadOf } from '../../../src/artifact/spread.js';
import { runCli, startCli, type CliProcess } from '../../support/cli.js';
import { docker, removeProject } from '../../support/engine-cli.js';
import { temporaryFolder } from '../../support/images/project.js';
import { nodeProject, npmPackage, writeFiles } from '../../support/project.js';
import { startRegistry, type Registry } from '../../support/registry.js';

const NAME = `e2e-ahead-${randomBytes(4).toString('hex')}`;
const PACKAGES = 40;
/** All groups but the last are worth more than one load. Bytes of a package. */
const SIZE = 1 << 19;
let registry: Registry;
let dir: string;
/** Lets the last package go, which the registry holds back. */
let release: () => void;

const packages = Array.from({ length: PACKAGES }, (_, index) =>
  npmPackage(`p${index}`, '1.0.0', [{ name: 'package/noise.txt', content: randomBytes(SIZE * 0.75).toString('base64') }]));
/** Of the highest group: all others can be sent while it is not there. */
const last = packages.map(({ name }) => name).sort((a, b) => group(b) - group(a))[0] as string;

function group(name: string): number {
  return groupOf(`${name} 1.0.0`, spreadOf(PACKAGES));
}

beforeAll(async () => {
  registry = await startRegistry();
  for (const { name, version, bytes } of packages) registry.addNpm(name, version, bytes);
});
beforeEach(async () => {
  const held = new Promise<void>((done) => (release = done));
  registry.misbehave((request, response) => {
    if (!(request.url as string).endsWith(`/${last}-1.0.0.tgz`)) return false;
    void held.then(() => response.end(packages.find(({ name }) => name === last)!.bytes));
    return true;
  });
  dir = await temporaryFolder();
  const { 'project.yml': project, ...files } = nodeProject({ registry: registry.npm, packages, more: `    prefix: /app\nimages:\n  deps: { context: images/deps, artifacts: [node] }\n  web: { context: images/web, role: true }\n` });
  await writeFiles(dir, {
    ...files,
    'project.yml': (project as string).replace('name: shop', `name: ${NAME}`),
    'images/deps/Dockerfile': 'FROM debian:trixie-slim\nADD artifacts/node.tar /\n',
    'images/web/Dockerfile': 'FROM deps\nCMD ["true"]\n',
  });
});
afterEach(async () => {
  release();
  await removeProject(NAME);
});
afterAll(async () => {
  await registry.close();
});

const ahead = async (): Promise<readonly string[]> =>
  (await docker('images', '--all', '--quiet', '--no-trunc', '--filter', 'label=wheelwright.ahead', '--filter', `label=wheelwright.project=${NAME}`)).split('\n').filter(Boolean);

/** A run of which some layers are on the engine, while a package is still missing. */
async function begun(): Promise<CliProcess> {
  const running = await startCli(['images'], { cwd: dir });
  let isRunning = true;
  void running.result.finally(() => (isRunning = false));
  while (isRunning && (await ahead()).length === 0) await pause(50);
  expect(await ahead()).not.toEqual([]);
  return running;
}

async function complete(): Promise<string> {
  release();
  const { status, stderr } = await runCli(['images'], { cwd: dir });
  expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
  expect(await ahead()).toEqual([]);
  expect(await docker('run', '--rm', '--network', 'none', `${NAME}-web:latest`, 'sh', '-c', 'ls /app/node_modules | wc -l')).toBe(String(PACKAGES));
  return docker('image', 'inspect', '--format', '{{.Id}}', `${NAME}-web:latest`);
}

test('while a package is missing the engine has layers of the others; they are the image’s own in the end, and nothing else stays', async () => {
  const running = await begun();
  release();
  const { status, stderr } = await running.result;
  expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
  const id = await complete();
  await removeProject(NAME);
  await rm(`${dir}/.artifacts`, { recursive: true });
  // All packages are there before an image is asked for.
  expect((await runCli(['build'], { cwd: dir })).status).toBe(0);
  expect(await complete()).toBe(id);
});

test('interrupted, it removes them itself', async () => {
  const running = await begun();
  running.kill('SIGINT');
  expect((await running.result).status).toBe(130);
  expect(await ahead()).toEqual([]);
  await complete();
});

test('killed, the next run removes them', async () => {
  const running = await begun();
  running.kill('SIGKILL');
  await running.result;
  expect(await ahead()).not.toEqual([]);
  await complete();
});
