import { expect, test } from '@jest/globals';
import { chown, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from '../support/checkout.js';
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

test('what a run with something to do compiled is kept too, and no run with nothing to do writes any', async () => {
  const home = await temporaryFolder();
  const repo = await checkout(() => ({ 'web/Dockerfile': 'FROM scratch\nCOPY page /page\n', 'web/page': '1\n', '.gitignore': '.artifacts/\n' }));
  try {
    const run = () => runCli(['images'], { cwd: repo.root, env: { HOME: home } });
    const kept = async () => (await readdir(join(home, FOLDER))).map((name) => name.slice(name.indexOf('-images')));
    await run();
    expect(await kept()).toEqual(['-images']);
    // Long runs keep nothing, and on a busy machine one may be long.
    for (let version = 2; version < 10 && (await kept()).length === 1; version += 1) {
      await writeFile(join(repo.root, 'web', 'page'), `${version}\n`);
      await run();
    }
    expect((await kept()).sort()).toEqual(['-images', '-images+']);
    const times = async () => Promise.all((await readdir(join(home, FOLDER))).map(async (name) => (await stat(join(home, FOLDER, name))).mtimeMs));
    const before = await times();
    await run();
    expect(await times()).toEqual(before);
  } finally {
    await repo.close();
  }
});
