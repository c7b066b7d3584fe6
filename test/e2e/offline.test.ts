import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir, readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../support/cli.js';
import type { CliResult } from '../support/cli.js';
import { removeProject } from '../support/engine-cli.js';
import { sdist, sha256, wheel } from '../support/packages.js';
import { BUILDER, nodeFiles, npmPackage, writeFiles } from '../support/project.js';
import type { NpmPackage } from '../support/project.js';
import { expectJsonRefusal, expectRefusal } from '../support/refusals.js';
import { startRegistry, type Registry } from '../support/registry.js';

/**
 * With everything in the store nothing needs the network: the command runs in a network namespace of its own, from where only
 * the engine's socket can be reached, and its builder containers have none either. The tests build on each other in their
 * order. Needs root for the namespace.
 */
const NAME = 'wheelwright-offline';
let cwd: string;
let registry: Registry;

const alpha = wheel('alpha', '1.0', { requires: ['beta'] });
const beta = wheel('beta', '2.0');
const built = sdist('built', '3.0');
const [left, right] = [npmPackage('left', '1.0.0'), npmPackage('right', '2.0.0')];

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
  registry = await startRegistry();
  registry.addPython('alpha-1.0-py3-none-any.whl', alpha);
  registry.addPython('beta-2.0-py3-none-any.whl', beta);
  registry.addPython('built-3.0.tar.gz', built);
  for (const one of [left, right]) registry.addNpm(one.name, one.version, one.bytes);
  await writeFiles(cwd, {
    'project.yml': projectFile('/opt/venv'),
    'requirements.txt': [`alpha==1.0 --hash=sha256:${sha256(alpha)}`, `beta==2.0 --hash=sha256:${sha256(beta)}`, `built==3.0 --hash=sha256:${sha256(built)}`, ''].join('\n'),
    ...nodeFiles([left, right]),
    'web/Dockerfile': `FROM ${BUILDER}\nADD artifacts/python.tar /\nADD artifacts/node.tar /\nCOPY hello.txt /\n`,
    'web/hello.txt': 'hello\n',
    'sources/main.py': 'import alpha, beta, built, sys; sys.exit(0 if alpha.version + beta.version + built.version == "1.02.03.0" else 4)\n',
  });
});

afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  await rm(cwd, { recursive: true, force: true });
});

function projectFile(prefix: string): string {
  return [
    `name: ${NAME}`,
    'network: { timeout: 1, retries: 0 }',
    'builders: { network: none }',
    'artifacts:',
    `  python: { kind: python, builder: ${BUILDER}, requirements: [requirements.txt], index: "${registry.index}", prefix: ${prefix} }`,
    `  node: { kind: node, builder: ${BUILDER}, registry: "${registry.npm}" }`,
    'images:',
    '  web: { context: web, artifacts: [python, node], role: true }',
    'dev:',
    `  web: { mounts: ["./sources:/sources"], command: [${prefix}/bin/python, /sources/main.py] }`,
    '',
  ].join('\n');
}

function artifacts(...args: string[]): Promise<CliResult> {
  return runCli(args, { cwd });
}

function withoutNetwork(...args: string[]): Promise<CliResult> {
  return runCli(args, { cwd, withoutNetwork: true, timeout: 60_000 });
}

interface Built {
  readonly artifacts: readonly { readonly name: string; readonly status: string; readonly packages: object }[];
}

test('the first run fetches what there is', async () => {
  const first = (await artifacts('build', '--json')).json<Built>();
  expect(first.artifacts.map(({ packages }) => packages)).toEqual([
    { total: 3, reused: 0, fetched: 2, compiled: 1 },
    { total: 2, reused: 0, fetched: 2, compiled: 0 },
  ]);
  expect((await artifacts('images')).status).toBe(0);
});

test('with everything in the store build, images and dev work without any network', async () => {
  registry.requests.length = 0;
  for (const option of [[], ['--offline']]) {
    const again = (await withoutNetwork('build', '--json', ...option)).json<Built>();
    expect(again.artifacts.map(({ status }) => status)).toEqual(['present', 'present']);
    const images = (await withoutNetwork('images', '--json', ...option)).json<{ images: { status: string }[] }>();
    expect(images.images.map(({ status }) => status)).toEqual(['present']);
  }
  expect((await withoutNetwork('dev', 'web')).status).toBe(0);
  const modules = await withoutNetwork('dev', 'web', '--', 'node', '-p', 'require("/app/node_modules/left") + require("/app/node_modules/right")');
  expect([modules.status, modules.stdout]).toEqual([0, '1.0.02.0.0\n']);
  expect(registry.requests).toEqual([]);
});

test('a new artifact of stored packages is built, and its image too', async () => {
  await writeFiles(cwd, { 'project.yml': projectFile('/opt/other'), 'web/hello.txt': 'good morning\n' });
  const result = await withoutNetwork('build', '--json');
  expect(result.json<Built>().artifacts).toMatchObject([
    { name: 'python', status: 'built', packages: { total: 3, reused: 3, fetched: 0, compiled: 0 } },
    { name: 'node', status: 'present' },
  ]);
  const images = (await withoutNetwork('images', '--json')).json<{ images: { status: string }[] }>();
  expect(images.images.map(({ status }) => status)).toEqual(['built']);
  expect((await withoutNetwork('dev', 'web')).status).toBe(0);
  expect(registry.requests).toEqual([]);
});

test('a missing package is named with what to do, nothing else is lost, and the next run with a network fetches only that', async () => {
  await rm(blobPath(sha256(beta)));
  for (const name of await blobsOf(left)) await rm(blobPath(name));

  const offline = await withoutNetwork('build', '--offline', '--json');
  expectRefusal(offline, { place: 'requirements.txt:2:1', says: 'beta 2.0 is not in the store, and the network is forbidden', advice: 'without --offline' });
  expectJsonRefusal(offline, 'offline');
  expect(offline.stderr).toMatch(/^error: package-lock.json:\d+:\d+: left 1.0.0 is .*network is forbidden\n {2}hint: /m);
  expect(offline.stderr.match(/^error: /gm)).toHaveLength(2);

  const cut = await withoutNetwork('build');
  expectRefusal(cut, { place: 'requirements.txt:2:1', says: /can't fetch .* of beta 2.0: 127.0.0.1:\d+ /, advice: 'network' });
  expect(cut.stderr).toMatch(/^error: package-lock.json:\d+:\d+: can't fetch left 1.0.0: /m);
  expect(registry.requests).toEqual([]);

  const online = (await artifacts('build', '--json')).json<Built>();
  expect(online.artifacts.map(({ packages }) => packages)).toEqual([
    { total: 3, reused: 2, fetched: 1, compiled: 0 },
    { total: 2, reused: 1, fetched: 1, compiled: 0 },
  ]);
  expect(registry.requests.toSorted()).toEqual(['/files/beta-2.0-py3-none-any.whl', '/npm/left/-/left-1.0.0.tgz']);
  expect((await artifacts('verify')).stdout).toContain('all correct');
});

test('packages of the public registries, then without any network', async () => {
  const own = await mkdtemp(join(cwd, 'public-'));
  const dependencies = { 'is-number': '7.0.0' };
  const locked = { version: '7.0.0', integrity: 'sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng==' };
  await writeFiles(own, {
    'project.yml': `name: ${NAME}\nnetwork: { ca: system }\nartifacts:\n  python: { kind: python, builder: ${BUILDER}, requirements: [requirements.txt] }\n  node: { kind: node, builder: ${BUILDER} }\n`,
    'requirements.txt': 'six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n',
    'package.json': JSON.stringify({ dependencies }),
    'package-lock.json': JSON.stringify({ lockfileVersion: 3, requires: true, packages: { '': { dependencies }, 'node_modules/is-number': locked } }),
  });
  // The store of the tests above: which builder it is, is known there.
  const store = ['--store', join(cwd, '.artifacts')];
  const online = (await runCli(['build', '--json', ...store], { cwd: own })).json<Built>();
  expect(online.artifacts.map(({ packages }) => packages)).toEqual([
    { total: 1, reused: 0, fetched: 1, compiled: 0 },
    { total: 1, reused: 0, fetched: 1, compiled: 0 },
  ]);
  const again = (await runCli(['build', '--json', ...store], { cwd: own, withoutNetwork: true })).json<Built>();
  expect(again.artifacts.map(({ status }) => status)).toEqual(['present', 'present']);
});

function blobPath(hex: string): string {
  return join(cwd, '.artifacts/v1/blobs/sha256', hex);
}

/** The package's tarball and whatever holds its files unpacked. */
async function blobsOf({ version, bytes }: NpmPackage): Promise<readonly string[]> {
  const names = await readdir(blobPath(''));
  const unpacked = await Promise.all(names.map(async (name) => (await readFile(blobPath(name))).includes(`module.exports = '${version}'`)));
  return names.filter((name, index) => name === sha256(bytes) || unpacked[index]);
}
