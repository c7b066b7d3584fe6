import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readIgnore } from '../../../src/docker/ignore.js';
import { temporaryFolder } from '../../support/images/project.js';

const read = (folder: string) => readIgnore(folder, join(folder, 'Dockerfile'), basename);

test('the Dockerfile\'s own ignore file goes before that of the context; without either nothing is ignored', async () => {
  const folder = await temporaryFolder();
  expect(read(folder)).not.toHaveProperty('file');
  await writeFile(join(folder, '.dockerignore'), 'a');
  expect([read(folder).file, read(folder).patterns.matches('a')]).toEqual([join(folder, '.dockerignore'), true]);
  await writeFile(join(folder, 'Dockerfile.dockerignore'), 'b');
  expect([read(folder).file, read(folder).patterns.matches('a')]).toEqual([join(folder, 'Dockerfile.dockerignore'), false]);
});

test('a link is followed, but what is behind it is not repeated', async () => {
  const [folder, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
  await writeFile(join(elsewhere, 'secret'), 'TOKEN=[hunter2\n');
  await symlink(join(elsewhere, 'secret'), join(folder, '.dockerignore'));
  expect(() => read(folder)).toThrow('the pattern is not valid');
  await writeFile(join(elsewhere, 'secret'), 'a\n');
  expect(read(folder).patterns.matches('a')).toBe(true);
});

test('a pipe, a device, a folder and what is too large are refused at once', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, '.dockerignore');
  for (const make of [() => execFileSync('mkfifo', [path]), () => symlink('/dev/zero', path), () => symlink(folder, path)]) {
    await make();
    expect(() => read(folder)).toThrow('.dockerignore is not a regular file');
    await rm(path);
  }
  await writeFile(path, '');
  await truncate(path, 2 ** 40);
  expect(() => read(folder)).toThrow(/is larger than/);
});
