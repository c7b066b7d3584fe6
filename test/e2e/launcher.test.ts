import { beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rename, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { buildCli } from '../support/cli.js';
import { temporaryFolder } from '../support/images/project.js';

/** As Node puts a module into a function. */
const wrap = (source: string): string => `(function (exports, require, module, __filename, __dirname) { ${source}\n});`;

let launcher: string;
beforeAll(async () => {
  launcher = join(dirname(await buildCli()), 'artifacts');
});

test('it is found through links, in any folder, and hands arguments on as they are', async () => {
  const folder = join(await temporaryFolder(), 'a folder, with $PATH');
  await mkdir(folder);
  await symlink(launcher, join(folder, 'first'));
  await symlink('first', join(folder, 'artifacts'));
  const bin = await fakeNode('printf "%s\\n" "$#" "$@"');
  const args = ['images', 'two words', '', '*', '$HOME', '--', '-x'];
  const said = execFileSync(join(folder, 'artifacts'), args, { env: { PATH: path(bin) }, encoding: 'utf8' }).split('\n');
  expect(said).toEqual([String(args.length + 2), '--', join(dirname(launcher), 'artifacts.js'), ...args, '']);
  expect(execFileSync('artifacts', ['--version'], { env: { PATH: path(folder) }, encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(execFileSync('sh', ['artifacts', '--version'], { cwd: dirname(launcher), encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("Node does not read the user's certificates at its start", async () => {
  const bin = await fakeNode('echo "${NODE_EXTRA_CA_CERTS-none} ${ARTIFACTS_EXTRA_CA_CERTS-none}"');
  const said = (env: Record<string, string>) => execFileSync(launcher, [], { env: { PATH: path(bin), ...env }, encoding: 'utf8' });
  expect(said({})).toBe('none none\n');
  expect(said({ NODE_EXTRA_CA_CERTS: '/etc/our ca.pem' })).toBe('none /etc/our ca.pem\n');
});

test('its status is that of the program', () => {
  let status: number | null | undefined;
  try {
    execFileSync(launcher, ['no-such-command'], { stdio: 'ignore' });
  } catch (error) {
    status = (error as { status?: number | null }).status;
  }
  expect(status).toBe(1);
});

describe('compiled code', () => {
  const version = /^\d+\.\d+\.\d+\n$/;
  const run = (env: Record<string, string>) => execFileSync(launcher, ['--version'], { env: { PATH: path(dirname(process.execPath)), ...env }, encoding: 'utf8' });
  const compiledIn = async (caches: string) => {
    const folder = join(caches, 'wheelwright', 'compiled');
    return (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  };

  /** As V8 checks it: code for a source of the same length is taken for this one's. */
  async function otherCode(): Promise<Buffer> {
    const { length } = wrap((await readFile(join(dirname(launcher), 'main.js'))).toString('latin1'));
    const source = wrap(`process.stdout.write('other code');//`);
    const script = new Script(source.slice(0, -3) + ' '.repeat(length - source.length) + source.slice(-3));
    script.runInThisContext();
    return script.createCachedData();
  }

  test('is kept for its user alone, and used again', async () => {
    const home = await temporaryFolder();
    expect(run({ HOME: home })).toMatch(version);
    const [compiled] = await compiledIn(join(home, '.cache'));
    expect((await stat(compiled!)).mode & 0o777).toBe(0o600);
    const { ino } = await stat(compiled!);
    expect(run({ HOME: home })).toMatch(version);
    expect((await stat(compiled!)).ino).toBe(ino);
  });

  test('of a run that had something to do comes first, and is put right where it is broken', async () => {
    const home = await temporaryFolder();
    run({ HOME: home });
    const [compiled] = await compiledIn(join(home, '.cache'));
    await rename(compiled!, `${compiled}+`);
    const { ino } = await stat(`${compiled}+`);
    expect(run({ HOME: home })).toMatch(version);
    expect(await compiledIn(join(home, '.cache'))).toEqual([`${compiled}+`]);
    expect((await stat(`${compiled}+`)).ino).toBe(ino);
    await truncate(`${compiled}+`, 1000);
    expect(run({ HOME: home })).toMatch(version);
    expect(await compiledIn(join(home, '.cache'))).toEqual([`${compiled}+`]);
    expect((await stat(`${compiled}+`)).size).toBeGreaterThan(1000);
  });

  test('that others may have put there is neither run nor replaced', async () => {
    const home = await temporaryFolder();
    run({ HOME: home });
    const [compiled] = await compiledIn(join(home, '.cache'));
    const planted = async (folder: string, mode: number) => {
      const at = join(folder, 'wheelwright', 'compiled');
      await mkdir(at, { recursive: true });
      await writeFile(join(at, basename(compiled!)), await otherCode(), { mode });
    };
    // A branch brings it in a checkout where the CI service keeps its caches; under a umask of 077 it has our mode.
    const checkout = await temporaryFolder();
    await mkdir(join(checkout, '.git'));
    await planted(join(checkout, '.cache'), 0o600);
    expect(run({ HOME: home, XDG_CACHE_HOME: join(checkout, '.cache') })).toMatch(version);
    // An archive of it has no .git.
    const unpacked = await temporaryFolder();
    await writeFile(join(unpacked, 'project.yml'), '');
    await planted(join(unpacked, '.cache'), 0o600);
    expect(run({ HOME: unpacked })).toMatch(version);
    // A folder where everybody may make links.
    const shared = await temporaryFolder();
    await planted(shared, 0o600);
    await chmod(shared, 0o1777);
    expect(run({ HOME: home, XDG_CACHE_HOME: shared })).toMatch(version);
    for (const folder of [join(checkout, '.cache'), join(unpacked, '.cache'), shared]) {
      const [same] = await compiledIn(folder);
      expect((await readFile(same!)).equals(await otherCode())).toBe(true);
    }
    // What a checkout or a link in our own folder would be.
    await planted(join(home, '.cache'), 0o600);
    await chmod(compiled!, 0o644);
    expect(run({ HOME: home })).toMatch(version);
    expect((await stat(compiled!)).mode & 0o777).toBe(0o600);
  });
});

async function fakeNode(line: string): Promise<string> {
  const bin = await temporaryFolder();
  await writeFile(join(bin, 'node'), `#!/bin/sh\n${line}\n`);
  await chmod(join(bin, 'node'), 0o755);
  return bin;
}

function path(first: string): string {
  return [first, process.env['PATH']].join(delimiter);
}
