import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runCli, startCli, type CliOptions } from '../support/cli.js';
import { removeProject } from '../support/engine-cli.js';
import { writeFiles } from '../support/project.js';
import { startRegistry, type Registry } from '../support/registry.js';
import { shopFiles } from '../support/shop.js';

// An ordinary user without an entry in the account database, in the group that owns the engine's socket.
const USER = { uid: 4321, gid: 4321 };
const NAME = `e2e-own-${randomBytes(4).toString('hex')}`;
const isRoot = process.geteuid!() === 0;
let registry: Registry;
let as: { readonly user: CliOptions['user'] | undefined; readonly sudo: Readonly<Record<string, string>> };
const folders: string[] = [];

beforeAll(async () => {
  registry = await startRegistry();
  const docker = (await stat('/var/run/docker.sock')).gid;
  as = { user: isRoot ? { ...USER, groups: [docker] } : undefined, sudo: { HOME: '/root', SUDO_UID: String(USER.uid), SUDO_GID: String(USER.gid), SUDO_USER: 'somebody', USER: 'root', LOGNAME: 'root' } };
});
afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A project that belongs to the ordinary user, in a folder of the same. */
async function project(version: string, options: { readonly header?: string; readonly seconds?: number } = {}): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
  folders.push(dir);
  await writeFiles(dir, shopFiles(registry, { name: NAME, version, compiled: options }));
  await giveAway(dir);
  return dir;
}

async function giveAway(dir: string): Promise<void> {
  if (!isRoot) return;
  for (const path of await everything(dir)) await chown(path, USER.uid, USER.gid);
}

async function everything(dir: string): Promise<string[]> {
  return [dir, ...(await readdir(dir, { recursive: true })).map((name) => join(dir, name))];
}

/** Files that are not the user's: none, ever. */
async function strangers(dir: string): Promise<string[]> {
  const uid = isRoot ? USER.uid : process.getuid!();
  const found: string[] = [];
  for (const path of await everything(dir)) {
    const info = await lstat(path).catch(() => undefined);
    if (info !== undefined && info.uid !== uid) found.push(`${path} belongs to ${info.uid}`);
  }
  return found;
}

/** As the ordinary user, and as root through sudo. The second is the first where the tests don't run as root. */
const WAYS = [
  { way: 'an ordinary user', options: (): Partial<CliOptions> => (as.user === undefined ? {} : { user: as.user }) },
  { way: 'root through sudo', options: (): Partial<CliOptions> => ({ env: isRoot ? as.sudo : {} }) },
];

describe.each(WAYS)('run as $way', ({ options }) => {
  test('every command leaves only files of the user', async () => {
    const dir = await project('1.0');
    const commands = [
      ['build'], ['images'], ['dev', 'web', '--', 'sh', '-c', 'mkdir made && echo x > made/file'], ['status'], ['key'], ['why', 'python'],
      ['context', 'deps', '-o', 'context'], ['verify'], ['gc', '--keep', '0'],
    ];
    for (const command of commands) {
      const { status, stderr } = await runCli(command, { cwd: dir, ...options() });
      expect([command.join(' '), status, status === 0 ? '' : stderr]).toEqual([command.join(' '), 0, '']);
      expect(await strangers(dir)).toEqual([]);
    }
    expect(await readFile(join(dir, 'src/made/file'), 'utf8')).toBe('x\n');
    expect((await stat(join(dir, 'context/artifacts/python.tar'))).size).toBeGreaterThan(0);
  });

  test('after a failure', async () => {
    const dir = await project('1.1', { header: 'no-such-header.h' });
    expect((await runCli(['build'], { cwd: dir, ...options() })).status).toBe(1);
    expect((await runCli(['images'], { cwd: dir, ...options() })).status).toBe(1);
    expect(await strangers(dir)).toEqual([]);
  });

  test('after Ctrl-C', async () => {
    const dir = await project('1.2', { seconds: 30 });
    const running = await startCli(['build'], { cwd: dir, ...options() });
    await running.shows('native: compiling');
    running.killGroup('SIGINT');
    expect((await running.result).status).toBe(130);
    expect(await strangers(dir)).toEqual([]);
  });

  test('whatever the umask is', async () => {
    const dir = await project('1.3');
    const before = process.umask(0o077);
    const { status } = await runCli(['build'], { cwd: dir, ...options() }).finally(() => process.umask(before));
    expect(status).toBe(0);
    expect(await strangers(dir)).toEqual([]);
    const modes = await Promise.all((await everything(join(dir, '.artifacts'))).map(async (path) => (await lstat(path)).mode & 0o444));
    // What only its owner can read is no cache that others could share. Package managers' own caches are theirs.
    expect(modes.filter((mode) => mode === 0o444).length).toBeGreaterThan(modes.length / 2);
  });

  test('from a working folder that the user may not read', async () => {
    const dir = await project('1.4');
    const closed = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
    folders.push(closed);
    await chmod(closed, 0o700);
    const { status, stderr } = await runCli(['-f', join(dir, 'project.yml'), 'build', 'node'], { cwd: closed, ...options() });
    expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
    expect(await strangers(dir)).toEqual([]);
    expect(await readdir(closed)).toEqual([]);
  });

  test('in a git repository of the user, whose revision tags the images', async () => {
    const dir = await project('1.0');
    const git = async (...args: string[]) => promisify(execFile)('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: dir });
    await writeFiles(dir, { '.gitignore': '.artifacts\n' });
    await git('init', '--quiet', '--initial-branch', 'feature-x');
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'first');
    await giveAway(dir);
    const result = await runCli(['images', '--json'], { cwd: dir, ...options() });
    expect([result.status, result.status === 0 ? '' : result.stderr]).toEqual([0, '']);
    expect(JSON.stringify(result.json())).toContain(`${NAME}-web:feature-x`);
    expect(await strangers(dir)).toEqual([]);
  });
});

test('both in turn on one store', async () => {
  const dir = await project('1.5');
  for (const { options } of [...WAYS, ...WAYS]) expect((await runCli(['build'], { cwd: dir, ...options() })).status).toBe(0);
  expect(await strangers(dir)).toEqual([]);
});
