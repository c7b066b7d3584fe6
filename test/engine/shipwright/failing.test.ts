import { afterEach, expect, test } from '@jest/globals';
import { checkout, type Checkout } from '../../support/checkout.js';
import { docker } from '../../support/engine-cli.js';
import { failingBuild } from './fixtures.js';

let made: Checkout | undefined;
afterEach(() => made?.close());

test('images that fail leave the others alone: these get all their tags, errors come at the end, the status is 1', async () => {
  const repo = (made = await checkout(failingBuild));
  const commit = (await repo.git('rev-parse', 'HEAD')).slice(0, 12);
  const { status, stderr } = await repo.artifacts('images');
  expect(status).toBe(1);
  for (const name of ['base', 'works']) {
    const [tags] = await repo.images(`${repo.name}/${name}`);
    expect(tags).toEqual(expect.arrayContaining([commit, 'latest', 'master']));
    expect(tags).toHaveLength(4);
  }
  for (const name of ['crashy-run', 'crashy-from']) expect(await docker('images', '-q', `${repo.name}/${name}`)).toBe('');
  const errors = stderr.slice(stderr.indexOf('error:'));
  expect(errors).toContain('crashy-from/Dockerfile:1:6: ');
  expect(errors).toContain('crashy-run/Dockerfile:2:1: ');
  expect(errors).not.toContain('works');
});
