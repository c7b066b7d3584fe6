import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, cp, mkdir, readdir, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { buildCli, runCli } from '../../support/cli.js';
import { removeProject } from '../../support/engine-cli.js';
import { temporaryFolder } from '../../support/images/project.js';
import { writeFiles } from '../../support/project.js';
import { startRegistry, type Registry } from '../../support/registry.js';
import { shopFiles } from '../../support/shop.js';

const NAME = `e2e-same-${randomBytes(4).toString('hex')}`;
const STRANGER = { uid: 4321, gid: 4322 };
let registry: Registry;
let dir: string;

beforeAll(async () => {
  registry = await startRegistry();
  dir = await temporaryFolder();
});
afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  await rm(dir, { recursive: true, force: true });
});

test('another folder, user, time zone, locale, umask, order of entries and other times: the same images', async () => {
  const one = join(dir, 'one');
  const files = shopFiles(registry, { name: NAME, version: '1.0.0' });
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`images/web/many/${(index * 7919) % 1000}-ä.txt`, `file ${index}`]));
  await writeFiles(one, { ...files, ...many, 'images/web/tool': '#!/bin/sh\n' });
  await chmod(join(one, 'images/web/tool'), 0o755);
  await git(one, 'init', '-q', '-b', 'main');
  await git(one, 'add', '-A');
  await git(one, 'commit', '-q', '-m', 'first');
  const first = await ids(() => runCli(['images', '--json'], { cwd: one, env: { TZ: 'UTC' } }));
  await removeProject(NAME);

  const two = join(dir, 'elsewhere', 'deeper');
  await mkdir(two, { recursive: true });
  await copyBackwards(one, two);
  await everything(two, (path) => chown(path, STRANGER.uid, STRANGER.gid));
  await everything(two, (path) => utimes(path, 86_400 * 365, 86_400 * 365));
  await chown(two, STRANGER.uid, STRANGER.gid);
  await chown(join(dir, 'elsewhere'), STRANGER.uid, STRANGER.gid);
  for (const folder of [dir, dirname(dir)]) await chmod(folder, 0o755);
  const cli = await buildCli();
  // A shell sets the umask, and is replaced by the command.
  const command = ['setpriv', `--reuid=${STRANGER.uid}`, `--regid=${STRANGER.gid}`, '--groups', await engineGroup(), 'sh', '-c', 'umask 077; exec "$@"', 'sh', process.execPath, cli, 'images', '--json'];
  const second = await ids(async () => {
    const { stdout } = await promisify(execFile)(command[0]!, command.slice(1), {
      cwd: two,
      env: { PATH: process.env['PATH'], HOME: two, TZ: 'Pacific/Auckland', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
    });
    return { stdout };
  });
  expect(second).toEqual(first);
  expect(Object.keys(first)).toEqual(['deps', 'web']);
}, 240_000);

async function ids(work: () => Promise<{ readonly stdout: string }>): Promise<Record<string, string>> {
  const { images } = JSON.parse((await work()).stdout) as { images: readonly { name: string; id: string; status: string }[] };
  expect(images.map(({ status }) => status)).toEqual(images.map(() => 'built'));
  return Object.fromEntries(images.map(({ name, id }) => [name, id]));
}

/** As git clone would: without the store, entries made in another order than they were made in before. */
async function copyBackwards(from: string, to: string): Promise<void> {
  for (const entry of (await readdir(from, { withFileTypes: true })).reverse()) {
    if (entry.name === '.artifacts') continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory() && entry.name !== '.git') {
      await mkdir(target);
      await copyBackwards(source, target);
    } else await cp(source, target, { recursive: true });
  }
}

async function everything(folder: string, work: (path: string) => Promise<void>): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true })) await work(join(folder, entry));
}

async function engineGroup(): Promise<string> {
  return (await promisify(execFile)('stat', ['-c', '%g', '/var/run/docker.sock'])).stdout.trim();
}

async function git(cwd: string, ...args: string[]): Promise<void> {
  const identity = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.com', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.com' };
  await promisify(execFile)('git', args, { cwd, env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...identity } });
}
