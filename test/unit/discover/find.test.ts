import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Failed } from '../../../src/core/failure.js';
import { imageSuffix } from '../../../src/discover/dockerfile-names.js';
import { discoverProject } from '../../../src/discover/find.js';
import { legalComponent, repositoryName } from '../../../src/discover/image-names.js';

const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };

function inFolder<T>(files: Readonly<Record<string, string>>, work: (folder: string) => Promise<T>): Promise<T> {
  const outer = mkdtempSync(join(tmpdir(), 'wheelwright-discover-'));
  const folder = join(outer, 'shop');
  for (const [path, text] of Object.entries({ '.keep': '', ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return work(folder).finally(() => rmSync(outer, { recursive: true, force: true }));
}

function git(folder: string, ...args: string[]): void {
  execFileSync('git', ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { stdio: 'ignore' });
}

async function names(cwd: string, namespace?: string): Promise<Record<string, string>> {
  const project = await discoverProject({ cwd, env, ...(namespace === undefined ? {} : { namespace }) });
  return Object.fromEntries([...(project?.images.values() ?? [])].map((image) => [image.dockerfile.value, image.repository]));
}

const DOCKERFILES = { Dockerfile: '', 'base/Dockerfile': '', 'web/Dockerfile-dev': '', 'web/Dockerfile.prod': '', 'jobs/api.Dockerfile': '' };

describe('what is a Dockerfile', () => {
  test.each([
    ['Dockerfile', ''],
    ['a/b/Dockerfile', ''],
    ['a/Dockerfile.dev', '.dev'],
    ['a/Dockerfile-dev', '-dev'],
    ['a/api.Dockerfile', '-api'],
    ['a/Dockerfile~', undefined],
    ['a/Dockerfile.swp', undefined],
    ['a/.Dockerfile.swp', undefined],
    ['a/Dockerfile.orig', undefined],
    ['a/Dockerfile.dockerignore', undefined],
    ['a/api.Dockerfile.dockerignore', undefined],
    ['a/Dockerfile.prod.dockerignore', undefined],
    ['a/Dockerfiles', undefined],
    ['node_modules/x/Dockerfile', undefined],
    ['a/vendor/x/Dockerfile', undefined],
  ])('%s', (path, suffix) => expect(imageSuffix(path)).toBe(suffix));
});

test('names that registries take', () => {
  expect(['My App', 'ham_spam', '-x-', 'a..b', 'a___b', '日本', 'a_-b'].map(legalComponent)).toEqual(['my-app', 'ham_spam', 'x', 'a.b', 'a__b', undefined, 'a-b']);
  expect(['git@host:team/Shop.git', 'https://host/team/shop/', '/srv/shop'].map(repositoryName)).toEqual(['shop', 'shop', 'shop']);
});

describe('discovery', () => {
  const expected = {
    Dockerfile: 'shop/shop',
    'base/Dockerfile': 'shop/base',
    'jobs/api.Dockerfile': 'shop/jobs-api',
    'web/Dockerfile-dev': 'shop/web-dev',
    'web/Dockerfile.prod': 'shop/web.prod',
  };

  test('outside git the folder is walked, dependencies left out', () =>
    inFolder({ ...DOCKERFILES, 'node_modules/x/Dockerfile': '', 'a/Dockerfile~': '' }, async (folder) => expect(await names(folder)).toEqual(expected)));

  test('in a checkout with no commit, from a sub-folder, ignored files left out', () =>
    inFolder({ ...DOCKERFILES, 'ignored/Dockerfile': '', '.gitignore': 'ignored\n' }, async (folder) => {
      git(folder, 'init', '-q');
      expect(await names(join(folder, 'web'))).toEqual(expected);
    }));

  test('a linked worktree and a detached HEAD give the same names', () =>
    inFolder(DOCKERFILES, async (folder) => {
      git(folder, 'init', '-q');
      git(folder, 'add', '.');
      git(folder, 'commit', '-qm', 'one');
      git(folder, 'worktree', 'add', '-q', '--detach', join(folder, '../elsewhere'));
      expect(await names(join(folder, '../elsewhere'))).toEqual(expected);
    }));

  test('a namespace with a port and a path; .shipwright.json as it is', () =>
    inFolder({ ...DOCKERFILES, '.shipwright.json': '{"version": 1.0, "namespace": "acme", "names": {"/": "acme/top", "/base": "other/ground"}}' }, async (folder) => {
      expect(await names(folder)).toMatchObject({ Dockerfile: 'acme/top', 'base/Dockerfile': 'other/ground', 'web/Dockerfile-dev': 'acme/web-dev' });
      expect(await names(folder, 'localhost:5000/team')).toMatchObject({ 'web/Dockerfile-dev': 'localhost:5000/team/web-dev', Dockerfile: 'acme/top' });
    }));

  test('two Dockerfiles with one name are an error that names both', () =>
    inFolder({ 'a/web/Dockerfile': '', 'b/web/Dockerfile': '' }, async (folder) => {
      const error = await names(folder).catch((one: unknown) => one as Failed);
      expect((error as Failed).problems).toMatchObject([
        { message: 'two Dockerfiles make the image "web"', place: { file: 'b/web/Dockerfile' }, related: { place: { file: 'a/web/Dockerfile' } } },
      ]);
    }));

  test.each(['Dockerfile', 'web/api.Dockerfile', '.shipwright.json'])('%s that is a link out of the checkout is not read', (name) =>
    inFolder({ 'base/Dockerfile': '', '../secret': 'TOKEN=x', 'web/x': '' }, async (folder) => {
      symlinkSync(join(folder, '../secret'), join(folder, name));
      for (const isRepository of [false, true]) {
        if (isRepository) git(folder, 'init', '-q');
        // Those that git does not know are found in folders only where there is no repository.
        if (isRepository) git(folder, 'add', '.');
        if (!isRepository && name !== '.shipwright.json') continue;
        const error = await names(folder).catch((one: unknown) => one as Failed);
        expect((error as Failed).problems).toMatchObject([{ reason: 'config', message: `${name} is, through a symbolic link, outside the checkout: ../secret` }]);
      }
      rmSync(join(folder, name));
      symlinkSync(join(folder, 'base/Dockerfile'), join(folder, 'web/Dockerfile'));
      expect(await names(folder)).toMatchObject({ 'web/Dockerfile': 'shop/web' });
    }));

  test('nothing to find is no project', () => inFolder({}, async (folder) => expect(await discoverProject({ cwd: folder, env })).toBeUndefined()));
});
