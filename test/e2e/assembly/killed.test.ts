import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli, startCli } from '../../support/cli.js';
import { docker, removeProject } from '../../support/engine-cli.js';
import { startImageRegistry, type ImageRegistry } from '../../support/image-registry.js';
import { temporaryFolder } from '../../support/images/project.js';
import { killedAt } from '../../support/killing.js';
import { writeFiles } from '../../support/project.js';
import { numbers } from '../../support/random.js';

const NAME = `e2e-assembly-${randomBytes(4).toString('hex')}`;
const KILLS = 50;
const KILLS_PER_VERSION = 5;
/** Of the file that each version has anew: writing, loading and sending it all take their time. */
const SIZE = 8 << 20;
const IMAGES = ['deps', 'web', 'worker'];
let registry: ImageRegistry;
let dir: string;

beforeAll(async () => {
  registry = await startImageRegistry();
  dir = await temporaryFolder();
});
afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  await rm(dir, { recursive: true, force: true });
});

test('killed while it assembles, loads and pushes: the next run completes, no image is broken, the store is sound', async () => {
  const random = numbers(20_260_202);
  const seen = new Set<string>();
  await newVersion(0);
  let seconds = await timed(() => runCli(['push'], { cwd: dir }));
  for (let version = 1, killed = 0; killed < KILLS; version += 1) {
    const text = await newVersion(version);
    for (let tries = 0; tries < KILLS_PER_VERSION; tries += 1) {
      if (await killedAt(await startCli([tries % 2 === 0 ? 'push' : 'images'], { cwd: dir }), random() * seconds * 1000)) killed += 1;
    }
    // What has a tag has all that belongs to it, whenever its run ended.
    const ids = new Set((await docker('images', '--quiet', '--no-trunc', '--filter', `label=wheelwright.project=${NAME}`, '--filter', 'dangling=false')).split('\n'));
    await Promise.all([...ids].filter((id) => !seen.has(id)).map((id) => docker('run', '--rm', '--network', 'none', id, 'true')));
    for (const id of ids) seen.add(id);
    seconds = Math.max(1, await timed(() => runCli(['push'], { cwd: dir })));
    expect((await runCli(['verify'], { cwd: dir })).stderr).toBe('');
    for (const image of IMAGES) expect(await docker('run', '--rm', '--network', 'none', `${repository(image)}:latest`, 'cat', '/data/version')).toBe(text);
  }
  expect((await readdir(join(dir, '.artifacts/v1/tmp'))).length).toBe(0);
  // The registry's images are whole too.
  for (const image of IMAGES) {
    const tags = (await docker('images', '--format', '{{.Repository}}:{{.Tag}}', repository(image))).split('\n');
    await docker('rmi', ...tags);
  }
  for (const image of IMAGES) await docker('pull', '--quiet', `${repository(image)}:latest`);
  for (const image of IMAGES) expect(await docker('run', '--rm', '--network', 'none', `${repository(image)}:latest`, 'sh', '-c', 'wc -c < /data/noise')).toBe(String(SIZE));
}, 600_000);

function repository(image: string): string {
  return `${registry.host}/${NAME}-${image}`;
}

async function newVersion(version: number): Promise<string> {
  await writeFiles(dir, {
    'project.yml': `name: ${NAME}\nregistry: ${registry.host}\nimages:\n${IMAGES.map((image) => `  ${image}: { context: images/${image} }\n`).join('')}`,
    'images/deps/Dockerfile': 'FROM debian:trixie-slim\nCOPY . /data/\nCMD ["true"]\n',
    'images/deps/noise': randomBytes(SIZE),
    'images/deps/version': `version ${version}`,
    'images/web/Dockerfile': 'FROM deps\nCOPY page /web/\nEXPOSE 80\n',
    'images/web/page': `page ${version}`,
    'images/worker/Dockerfile': 'FROM deps\nWORKDIR /work\nCMD ["true"]\n',
  });
  return `version ${version}`;
}

async function timed(work: () => Promise<{ readonly status: number | undefined; readonly stderr: string }>): Promise<number> {
  const started = performance.now();
  const { status, stderr } = await work();
  expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
  return (performance.now() - started) / 1000;
}
