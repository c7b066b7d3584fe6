import { beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { buildCli } from '../support/cli.js';
import { temporaryFolder } from '../support/images/project.js';

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

async function fakeNode(line: string): Promise<string> {
  const bin = await temporaryFolder();
  await writeFile(join(bin, 'node'), `#!/bin/sh\n${line}\n`);
  await chmod(join(bin, 'node'), 0o755);
  return bin;
}

function path(first: string): string {
  return [first, process.env['PATH']].join(delimiter);
}
