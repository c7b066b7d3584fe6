import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runCli } from '../support/cli.js';
import { removeProject } from '../support/engine-cli.js';
import { sha256, wheel } from '../support/packages.js';
import { BUILDER, writeFiles } from '../support/project.js';
import { startRegistry, type Registry } from '../support/registry.js';

const NAME = 'wheelwright-gc';
let cwd: string;
let registry: Registry;

const git = (...args: string[]) => promisify(execFile)('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd });
const requirement = (version: string) => `alpha==${version} --hash=sha256:${sha256(wheel('alpha', version))}\n`;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
  registry = await startRegistry();
  for (const version of ['1.0', '1.1']) registry.addPython(`alpha-${version}-py3-none-any.whl`, wheel('alpha', version));
  await writeFiles(cwd, {
    'project.yml': `name: ${NAME}\nartifacts:\n  python: { kind: python, builder: ${BUILDER}, requirements: [requirements.txt], index: "${registry.index}" }\nimages:\n  web: { context: web, artifacts: [python] }\n`,
    'requirements.txt': requirement('1.0'),
    'web/Dockerfile': 'FROM scratch\nADD artifacts/python.tar /\n',
    '.gitignore': '.artifacts/\n',
  });
  await git('init', '-q', '-b', 'main');
  await git('add', '-A');
  await git('commit', '-q', '-m', 'c');
});
afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  await rm(cwd, { recursive: true, force: true });
});

test('gc keeps what the images of other branches need, to be planned and built without the network', async () => {
  const collect = async (env = {}) => {
    const result = await runCli(['gc', '--keep', '0', '--json'], { cwd, env });
    expect(result).toMatchObject({ status: 0 });
    return result;
  };
  expect(await runCli(['images'], { cwd })).toMatchObject({ status: 0 });
  await git('checkout', '-q', '-b', 'feature');
  await writeFiles(cwd, { 'requirements.txt': requirement('1.1') });
  await git('commit', '-q', '-a', '-m', 'c');
  expect(await runCli(['images'], { cwd })).toMatchObject({ status: 0 });

  // What main needs is known by its image only.
  expect((await collect()).json()).toMatchObject({ imagesKnown: true });
  await git('checkout', '-q', 'main');
  registry.requests.length = 0;
  const offline = await runCli(['build', '--offline', '--json'], { cwd });
  expect(offline).toMatchObject({ status: 0 });
  expect(offline.json()).toMatchObject({ artifacts: [{ name: 'python', status: 'present' }] });

  // A branch that has gone keeps nothing.
  await git('branch', '-q', '-D', 'feature');
  await collect();
  await writeFiles(cwd, { 'requirements.txt': requirement('1.1') });
  expect(await runCli(['build', '--offline'], { cwd })).toMatchObject({ status: 1 });
  expect(registry.requests).toEqual([]);

  await git('checkout', '-q', '--', '.');
  const without = await collect({ DOCKER_HOST: 'unix:///nonexistent/docker.sock' });
  expect(without.json()).toMatchObject({ imagesKnown: false });
  expect(without.stderr.match(/the engine is not there/g)).toHaveLength(1);
});
