import { expect, test } from '@jest/globals';
import { chown, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/images/project.js';

const FOLDER = '.cache/wheelwright/compiled';

test('what was compiled is kept for its user alone, and a broken file harms nobody', async () => {
  const home = await temporaryFolder();
  const version = async () => (await runCli(['--version'], { cwd: home, env: { HOME: home } })).stdout;
  const first = await version();
  const [name, ...others] = await readdir(join(home, FOLDER));
  expect(others).toEqual([]);
  const file = join(home, FOLDER, name!);
  const { mode, size } = await stat(file);
  expect(mode & 0o777).toBe(0o600);
  await truncate(file, 1000);
  expect(await version()).toBe(first);
  // The broken one was put right.
  expect((await stat(file)).size).toBeGreaterThan(size / 2);
});

test('in the home of another user nothing is left', async () => {
  const home = await temporaryFolder();
  await chown(home, 4321, 4321);
  expect((await runCli(['--version'], { cwd: home, env: { HOME: home } })).status).toBe(0);
  expect(await readdir(home)).toEqual([]);
});
