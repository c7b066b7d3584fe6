import { afterEach, describe, expect, test } from '@jest/globals';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout, type Checkout } from '../../support/checkout.js';
import { sample } from './fixtures.js';
import { keys, listed } from './plans.js';

let made: Checkout | undefined;
afterEach(() => made?.close());

describe('the same content has the same keys', () => {
  test('after a revert, a rebase, a touched file, in a shallow clone and at another path', async () => {
    const repo = (made = await checkout(sample));
    const before = await keys(repo);

    await repo.write({ 'base/base.txt': 'other\n' });
    await repo.commit();
    const changed = await keys(repo);
    expect(Object.keys(before).filter((name) => changed[name] === before[name])).toEqual([]);
    await repo.git('revert', '--no-edit', 'HEAD');
    expect(await keys(repo)).toEqual(before);

    await repo.git('checkout', '-q', '-b', 'topic', 'HEAD~2');
    await repo.write({ 'unrelated.txt': '1\n' });
    await repo.commit();
    await repo.git('rebase', '-q', 'master');
    expect(await keys(repo)).toEqual(before);

    await utimes(join(repo.root, 'base/base.txt'), 1, 1);
    expect(await keys(repo)).toEqual(before);

    await repo.git('clone', '-q', '--depth', '1', `file://${repo.root}`, repo.beside('a-shallow-clone'));
    const clone = repo.at(repo.beside('a-shallow-clone'));
    expect(await clone.git('rev-list', '--count', 'HEAD')).toBe('1');
    expect(await keys(clone)).toEqual(before);
  });
});

test('two branches built at once from two worktrees: the tags of each name its own content', async () => {
  const repo = (made = await checkout((name) => ({ '.shipwright.json': JSON.stringify({ namespace: name }), 'base/Dockerfile': 'FROM scratch\nCOPY base.txt /\n', 'base/base.txt': `${name} one\n` })));
  await repo.git('worktree', 'add', '-q', '-b', 'feature/two', repo.beside('two'));
  const two = repo.at(repo.beside('two'));
  await two.write({ 'base/base.txt': `${repo.name} two\n` });
  await two.commit();
  for (let round = 0; round < 2; round += 1) {
    const results = await Promise.all([repo, two].map((one) => one.artifacts('images', '--no-latest')));
    expect(results.map(({ status, stderr }) => ({ status, stderr })).filter(({ status }) => status !== 0)).toEqual([]);
    for (const one of [repo, two]) {
      const { key, tags } = (await listed(one, '--no-latest'))['base']!;
      const found = (await one.images(`${repo.name}/base`)).find((own) => own.includes(key.slice(0, 12)));
      expect(found).toEqual(tags.map((tag) => tag.slice(tag.lastIndexOf(':') + 1)).sort());
    }
  }
});
