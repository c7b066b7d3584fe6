import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { branchTag } from '../../../src/git/branch-tag.js';
import { checkout, type Checkout } from '../../support/checkout.js';
import { docker } from '../../support/engine-cli.js';

interface Step {
  readonly action: 'remove' | 'untag' | 'keep';
  readonly name: string;
  readonly key: string;
  readonly tags: readonly string[];
  readonly kept: readonly string[];
  readonly reasons: readonly string[];
  readonly status?: string;
}
interface Built {
  readonly images: readonly { readonly name: string; readonly key: string }[];
}

let repo: Checkout;
let container: string | undefined;

beforeEach(async () => {
  container = undefined;
  repo = await checkout((name) => ({
    'base/Dockerfile': 'FROM scratch\nCOPY data /data\n',
    'base/data': `${name}\n`,
    'web/Dockerfile': `FROM ${name}/base\nCOPY page /page\nCMD ["/page"]\n`,
    'web/page': `page of ${name}\n`,
    '.gitignore': '.artifacts/\n',
  }));
});
afterEach(async () => {
  if (container !== undefined) await docker('rm', '--force', container);
  await repo.close();
});

const build = async () => Object.fromEntries((await repo.json<Built>('images')).images.map(({ name, key }) => [name, key.slice(0, 12)])) as { base: string; web: string };
const plan = async (...args: string[]) => (await repo.json<{ readonly steps: readonly Step[] }>('prune', ...args)).steps;
const brief = (steps: readonly Step[]) => steps.map(({ action, name, key }) => `${action} ${name} ${key.slice(0, 12)}`);

async function branch(name: string, files: Record<string, string>) {
  await repo.git('checkout', '-q', '-b', name);
  await repo.write(files);
  const commit = await repo.commit();
  return { ...(await build()), commit };
}

test('what branches that have gone leave behind goes, but for what a container needs', async () => {
  const commit = (await repo.git('rev-parse', 'HEAD')).slice(0, 12);
  const master = await build();
  const feature = await branch('feature/x', { 'base/data': 'other\n', 'web/page': 'other\n' });
  const used = await branch('used', { 'web/page': 'used\n' });
  container = await docker('create', `${repo.name}/web:used`);
  await repo.git('checkout', '-q', 'master');
  expect(await build()).toEqual(master);
  const featureTag = branchTag('feature/x');
  const before = [await repo.images(`${repo.name}/base`), await repo.images(`${repo.name}/web`)];

  // Branches keep what they would use.
  expect(brief(await plan())).toEqual(['keep', 'keep', 'keep', 'keep', 'keep'].map(() => expect.stringMatching(/^keep /)));
  await repo.git('branch', '-q', '-D', 'feature/x', 'used');
  const steps = await plan();
  expect(brief(steps)).toEqual([
    `remove web ${feature.web}`,
    `untag base ${feature.base}`,
    ...[`keep web ${master.web}`, `keep web ${used.web}`, `keep base ${master.base}`].map(() => expect.stringMatching(/^keep /)),
  ]);
  expect(steps[1]?.reasons).toEqual([`web:${used.web} is built from it`]);
  expect(steps.find(({ key }) => key.startsWith(used.web))?.reasons).toEqual([`container ${container.slice(0, 12)} uses it`]);
  const text = await repo.artifacts('prune');
  expect(text.stdout).toContain(`remove  web  ${feature.web}`);
  expect(text.stdout).toContain(`${featureTag}: no such branch or git tag`);
  expect(text.stdout).toMatch(/would remove 1 image and 4 tags of others; --yes does it\n$/);
  // A plan is only a plan.
  expect([await repo.images(`${repo.name}/base`), await repo.images(`${repo.name}/web`)]).toEqual(before);

  const done = await plan('--yes');
  expect(done.flatMap(({ status }) => status ?? [])).toEqual(['done', 'done']);
  expect(await repo.images(`${repo.name}/web`)).toEqual([[used.web, used.commit, 'used'].sort(), [master.web, commit, 'latest', 'master'].sort()]);
  expect(await repo.images(`${repo.name}/base`)).toEqual([[feature.base], [master.base, commit, 'latest', 'master'].sort()]);

  await docker('rm', container);
  container = undefined;
  expect(brief(await plan('--yes')).slice(0, 2)).toEqual([`remove web ${used.web}`, `remove base ${feature.base}`]);
  expect(await repo.images(`${repo.name}/web`)).toEqual([[master.web, commit, 'latest', 'master'].sort()]);
  expect((await repo.artifacts('prune', '--yes')).stdout).toMatch(/nothing to remove\n$/);
});
