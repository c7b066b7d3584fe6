import { afterEach, expect, test } from '@jest/globals';
import { checkout, type Checkout } from '../../support/checkout.js';
import { sample } from './fixtures.js';
import { keys, revisionTags } from './plans.js';

let made: Checkout | undefined;
afterEach(() => made?.close());

const CASES: readonly (readonly [string, (repo: Checkout) => Promise<unknown>])[] = [
  ['an untracked file', (repo) => repo.write({ 'shared/new.txt': '1\n' })],
  ['a staged file', async (repo) => (await repo.write({ 'shared/new.txt': '1\n' }), repo.git('add', '.'))],
  ['a modified file', (repo) => repo.write({ 'shared/some.txt': '2\n' })],
  ['a modified file, staged and modified again', async (repo) => (await repo.write({ 'shared/some.txt': '2\n' }), await repo.git('add', '.'), repo.write({ 'shared/some.txt': '3\n' }))],
  ['a deleted file', (repo) => repo.remove('shared/some.txt')],
  ['a file removed with git', (repo) => repo.git('rm', '-q', 'shared/some.txt')],
  ['a new folder', (repo) => repo.write({ 'shared/folder/new.txt': '1\n' })],
];

test.each(CASES)('%s is no obstacle: it and what is built from it are tagged as dirty, with their content', async (_, change) => {
  const repo = (made = await checkout((name) => ({ ...sample(name), 'shared/some.txt': '1\n' })));
  const commit = (await repo.git('rev-parse', 'HEAD')).slice(0, 12);
  const clean = await keys(repo);
  await change(repo);
  const after = await keys(repo);
  const dirty = (key: string | undefined) => `${commit}-dirty-${key!.slice(0, 12)}`;
  expect(after['base']).toBe(clean['base']);
  expect([after['shared'] === clean['shared'], after['service1'] === clean['service1']]).toEqual([false, false]);
  expect(await revisionTags(repo)).toEqual({ base: commit, shared: dirty(after['shared']), service1: dirty(after['service1']) });
});

test('a new image that was never committed', async () => {
  const repo = (made = await checkout(sample));
  await repo.write({ 'service2/Dockerfile': `FROM ${repo.name}/base\nADD . /code\n` });
  const tags = await revisionTags(repo);
  expect(tags['service2']).toMatch(/^[0-9a-f]{12}-dirty-[0-9a-f]{12}$/);
  expect(tags['base']).toMatch(/^[0-9a-f]{12}$/);
});
