import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { runCli, startCli, type CliOptions } from '../support/cli.js';
import type { CompiledOptions } from '../support/compiled.js';
import { removeProject } from '../support/engine-cli.js';
import { writeFiles } from '../support/project.js';
import { startRegistry, type Registry } from '../support/registry.js';
import { shopFiles } from '../support/shop.js';

// An ordinary user without an entry in the account database, in the group that owns the engine's socket.
const USER = { uid: 4321, gid: 4321 };
const NAME = `e2e-own-${randomBytes(4).toString('hex')}`;
const isRoot = process.geteuid!() === 0;
let registry: Registry;
let dockerGroup: number;
const folders: string[] = [];

beforeAll(async () => {
  registry = await startRegistry();
  dockerGroup = (await stat('/var/run/docker.sock')).gid;
});
afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** The second is the first where the tests themselves don't run as root. */
const WAYS = [
  { way: 'an ordinary user', options: (): Partial<CliOptions> => (isRoot ? { user: { ...USER, groups: [dockerGroup] } } : {}) },
  { way: 'root through sudo', options: (): Partial<CliOptions> => (isRoot ? { env: SUDO } : {}) },
];
const SUDO = { HOME: '/root', SUDO_UID: String(USER.uid), SUDO_GID: String(USER.gid), SUDO_USER: 'somebody', USER: 'root', LOGNAME: 'root', XDG_CONFIG_HOME: '/root/.config' };

describe.each(WAYS)('run as $way', ({ options }) => {
  let dir: string;
  beforeAll(async () => {
    dir = await newFolder();
    await project(dir, '1.0.0');
  });
  const run = (args: readonly string[], more: Partial<CliOptions> = {}) => runCli(args, { cwd: dir, ...options(), ...more });

  test('every command leaves only files of the user', async () => {
    const commands = [
      ['build'], ['images'], ['dev', 'web', '--', 'sh', '-c', 'mkdir made && echo x > made/file'], ['status'], ['key'], ['why', 'python'],
      ['context', 'deps', '-o', 'context'], ['verify'], ['gc', '--keep', '0'],
    ];
    for (const command of commands) {
      const { status, stderr } = await run(command);
      expect([command.join(' '), status, status === 0 ? '' : stderr]).toEqual([command.join(' '), 0, '']);
      expect(await strangers(dir)).toEqual([]);
    }
    expect(await readFile(join(dir, 'src/made/file'), 'utf8')).toBe('x\n');
    expect((await stat(join(dir, 'context/artifacts/python.tar'))).size).toBeGreaterThan(0);
  });

  test('in a git repository, whose branch tags the images', async () => {
    const git = async (...args: string[]) => promisify(execFile)('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: dir, env: { PATH: process.env['PATH'], HOME: '/nonexistent' }, ...(isRoot ? USER : {}) });
    await git('init', '--quiet', '--initial-branch', 'feature-x');
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'first');
    const result = await run(['images', '--json']);
    expect([result.status, result.status === 0 ? '' : result.stderr]).toEqual([0, '']);
    expect(JSON.stringify(result.json())).toContain(`${NAME}-web:feature-x`);
    expect(await strangers(dir)).toEqual([]);
  });

  test('after a failure', async () => {
    await project(dir, '1.1.0', { header: 'no-such-header.h' });
    expect((await run(['build'])).status).toBe(1);
    expect((await run(['images'])).status).toBe(1);
    expect(await strangers(dir)).toEqual([]);
  });

  test('after Ctrl-C', async () => {
    await project(dir, '1.2.0', { seconds: 60 });
    const running = await startCli(['build'], { cwd: dir, ...options() });
    await running.shows('native 1.2.0: compiling');
    running.killGroup('SIGINT');
    const { status, stderr } = await running.result;
    expect(status).toBe(130);
    expect(stderr).toMatch(/interrupted; what was finished is kept\n$/);
    expect(await strangers(dir)).toEqual([]);
  });

  test('whatever the umask is', async () => {
    await project(dir, '1.3.0');
    const before = process.umask(0o077);
    const { status } = await run(['build']).finally(() => process.umask(before));
    expect(status).toBe(0);
    expect(await strangers(dir)).toEqual([]);
    const blobs = join(dir, '.artifacts/v1/blobs/sha256');
    const modes = await Promise.all((await readdir(blobs)).map(async (name) => (await lstat(join(blobs, name))).mode & 0o777));
    expect(modes.length).toBeGreaterThan(8);
    expect([...new Set(modes)]).toEqual([0o444]);
  });

  test('from a working folder that the user may not read', async () => {
    await project(dir, '1.4.0');
    const closed = await newFolder();
    await chmod(closed, 0o700);
    const { status, stderr } = await run(['-f', join(dir, 'project.yml'), 'build', 'node'], { cwd: closed });
    expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
    expect(await strangers(dir)).toEqual([]);
    expect(await readdir(closed)).toEqual([]);
  });

  test('on a store that the other one filled', async () => {
    for (const way of [...WAYS, ...WAYS]) {
      await project(dir, `1.5.${WAYS.indexOf(way)}`);
      expect((await runCli(['build', 'node'], { cwd: dir, ...way.options() })).status).toBe(0);
    }
    expect(await strangers(dir)).toEqual([]);
  });
});

async function newFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
  folders.push(dir);
  return dir;
}

/** Writes the project's files in a folder that belongs to the ordinary user, as they do. */
async function project(dir: string, version: string, compiled: CompiledOptions = {}): Promise<void> {
  const files = shopFiles(registry, { name: NAME, version, compiled });
  await writeFiles(dir, files);
  if (!isRoot) return;
  for (const path of ['.', ...Object.keys(files)]) {
    for (let at = join(dir, path); at.startsWith(dir); at = dirname(at)) await chown(at, USER.uid, USER.gid);
  }
}

/** Files that are not the user's: none, ever. */
async function strangers(dir: string): Promise<string[]> {
  const uid = isRoot ? USER.uid : process.getuid!();
  const found: string[] = [];
  for (const name of ['.', ...(await readdir(dir, { recursive: true }))]) {
    const info = await lstat(join(dir, name)).catch(() => undefined);
    if (info !== undefined && info.uid !== uid) found.push(`${name} belongs to ${info.uid}`);
  }
  return found;
}
