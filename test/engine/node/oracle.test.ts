import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Failed } from '../../../src/core/failure.js';
import { differences, openRig, readText, type Rig } from './rig.js';

/** Small locks of all shapes, written by the builder's own npm; our tree must equal that of its `npm ci`. */
let dir: string;
let rig: Rig;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-node-'));
  rig = await openRig(dir);
});

afterAll(async () => {
  await rig.close();
  await rm(dir, { recursive: true, force: true });
});

describe('equal to npm ci', () => {
  test('scopes, commands, aliases, peers, several versions of one package', async () => {
    await rig.project({
      'package.json': {
        name: 'plain', version: '1.0.0',
        dependencies: { semver: '^7.5.0', old: 'npm:semver@^5.7.0', '@sindresorhus/is': '^4.6.0', 'react-dom': '^16.14.0', react: '^16.14.0', mkdirp: '^1.0.4' },
        devDependencies: { rimraf: '^3.0.2' },
      },
    });
    await rig.lock();
    await same();
  });

  test('without dev, optional and peer', async () => {
    await rig.project({
      'package.json': {
        name: 'omits', version: '1.0.0',
        dependencies: { 'fs-extra': '^10.0.0' }, devDependencies: { rimraf: '^3.0.2', mkdirp: '^1.0.4' }, optionalDependencies: { fsevents: '^2.3.3', rimraf: '^3.0.2' },
      },
    });
    await rig.lock();
    await same();
    await same({ omit: ['dev'] }, '--omit=dev');
    await same({ omit: ['dev', 'optional'] }, '--omit=dev --omit=optional');
  });

  test('workspaces with links across, own commands, nested versions, and without peers or with legacy ones', async () => {
    await rig.project({
      'package.json': { name: 'mono', version: '1.0.0', workspaces: ['packages/*', '!packages/skipped'], devDependencies: { semver: '^7.5.0' } },
      'packages/a/package.json': { name: '@mono/a', version: '1.0.0', bin: { 'mono-a': './cli.js', missing: 'nowhere.js' }, dependencies: { b: '1.0.0', semver: '^5.7.0' } },
      'packages/a/cli.js': '#!/usr/bin/env node\n',
      'packages/b/package.json': { name: 'b', version: '1.0.0', license: 'MIT', bin: 'b.js', funding: 'https://example.org/fund', dependencies: { mkdirp: '^0.5.6' }, devDependencies: { mkdirp: '^1.0.4' } },
      'packages/b/b.js': '#!/usr/bin/env node\n',
      'packages/skipped/package.json': { name: 'skipped', version: '1.0.0', dependencies: { 'no-such-package-anywhere': '1.0.0' } },
    });
    await rig.lock();
    await same();
    await same({ omit: ['dev'] }, '--omit=dev');
  });

  test('overrides, bundled dependencies with their commands', async () => {
    await rig.project({
      'package.json': { name: 'bundles', version: '1.0.0', dependencies: { 'fs-extra': '^10.0.0', parent: 'file:parent-1.0.0.tgz' }, overrides: { universalify: '2.0.0' } },
      'parent-1.0.0.tgz': await pack({
        'package.json': { name: 'parent', version: '1.0.0', bin: { parent: 'cli.js' }, dependencies: { child: '1.0.0', mkdirp: '^1.0.4' }, bundleDependencies: ['child'] },
        'cli.js': '#!/usr/bin/env node\r\nconsole.log(1)\r\n',
        'node_modules/child/package.json': { name: 'child', version: '1.0.0', bin: 'run.js' },
        'node_modules/child/run.js': '#!/usr/bin/env node\n',
      }),
    });
    await rig.lock();
    await same();
  });

  test('local tarballs, folders, odd modes, ignore files, empty folders, and a lock of version 2 as npm-shrinkwrap.json', async () => {
    await rig.project({
      '.npmrc': 'install-links=false\n',
      'package.json': { name: 'local', version: '1.0.0', dependencies: { odd: 'file:vendor/odd.tgz', folder: 'file:lib/folder', mkdirp: '1.0.4' } },
      'vendor/odd.tgz': await pack({
        'package.json': { name: 'odd', version: '1.2.3', bin: { odd: './bin/odd.js', other: 'gone.js', '../up': 'bin/odd.js' } },
        'bin/odd.js': '#!/usr/bin/env node\n', '.gitignore': 'a\n', 'sub/.gitignore': 'b\n', 'sub/.npmignore': 'c\n', 'x.sh': 'exit\n', 'private': 'x\n',
      }, 'chmod 700 package/x.sh; chmod 600 package/private; mkdir -m 700 package/empty; ln -s x.sh package/link; ln package/x.sh package/hard'),
      'lib/folder/package.json': { name: 'folder', version: '2.0.0', bin: 'cli.js', dependencies: { semver: '^5.7.0' }, scripts: {} },
      'lib/folder/cli.js': '#!/usr/bin/env node\n',
    });
    await rig.lock('--lockfile-version=2');
    await rename(join(rig.root, 'package-lock.json'), join(rig.root, 'npm-shrinkwrap.json'));
    await same();
  });

  test('without addresses in the lock', async () => {
    await rig.project({
      '.npmrc': 'omit-lockfile-registry-resolved=true\n',
      'package.json': { name: 'addressless', version: '1.0.0', dependencies: { '@sindresorhus/is': '^4.6.0', semver: '^7.5.0' } },
    });
    await rig.lock();
    expect(await readText(rig, 'package-lock.json')).not.toContain('resolved');
    await same();
  });

  test('optional packages of the platform, and install scripts, which run once', async () => {
    await rig.project({ 'package.json': { name: 'scripts', version: '1.0.0', dependencies: { esbuild: '0.21.5' }, optionalDependencies: { fsevents: '^2.3.3' } } });
    await rig.lock();
    const first = await (await rig.plan()).build();
    expect(differences(await rig.listing(first), await rig.npmCi())).toEqual([]);
    expect(first.packages).toEqual({ total: 2, fetched: 1, compiled: 1, reused: 0 });
    const again = await (await rig.plan()).build();
    expect(again.packages).toEqual({ total: 2, fetched: 0, compiled: 0, reused: 2 });
    await same({ scripts: 'deny' }, '--ignore-scripts');
    await same({ scripts: [] }, '--ignore-scripts');
    await same({ scripts: ['esbuild'] });
  });

  test('compiled packages, with headers that are in the builder', async () => {
    await rig.project({
      'package.json': { name: 'native', version: '1.0.0', dependencies: { native: 'file:native.tgz' } },
      'native.tgz': await pack({
        'package.json': { name: 'native', version: '1.0.0' },
        'binding.gyp': "{ 'targets': [{ 'target_name': 'native', 'sources': ['native.c'] }] }\n",
        'native.c': '#include <node_api.h>\nstatic napi_value Init(napi_env env, napi_value exports) { return exports; }\nNAPI_MODULE(native, Init)\n',
      }),
    });
    await rig.lock();
    const built = await (await rig.plan()).build();
    expect(built.packages.compiled).toBe(1);
    const ours = await rig.listing(built);
    expect([...ours.keys()]).toContain('node_modules/native/build/Release/native.node');
    // What node-gyp writes names the folder that it was built in.
    expect(differences(ours, await rig.npmCi(), /^node_modules\/native\/build\/(?:config\.gypi|Makefile|.*\.(?:mk|d|node|o|Makefile))$/)).toEqual([]);
  });

  test('git dependencies, with a prepare script', async () => {
    await rig.project({
      'package.json': { name: 'gits', version: '1.0.0', dependencies: {} },
    });
    const folder = await rig.shell(`
      git init -q repo && cd repo && git config user.email a@example.org && git config user.name a
      echo '{"name":"from-git","version":"1.0.0","bin":"cli.js","files":["out.js","cli.js"],"scripts":{"prepare":"echo made > out.js"}}' > package.json
      echo '#!/usr/bin/env node' > cli.js; echo 'no' > left-out.js
      git add -A && git commit -qm one`);
    await rig.project({ 'package.json': { name: 'gits', version: '1.0.0', dependencies: { 'from-git': `git+file://${folder}/repo` } } });
    await rig.lock();
    await same();
  });

  test('an install script that fails takes an optional package with it, and is an error otherwise', async () => {
    const failing = await pack({ 'package.json': { name: 'failing', version: '1.0.0', scripts: { install: 'echo about to fail; exit 3' } } });
    await rig.project({ 'package.json': { name: 'p', version: '1.0.0', dependencies: { semver: '^5.7.0' }, optionalDependencies: { failing: 'file:failing.tgz' } }, 'failing.tgz': failing });
    await rig.lock();
    await same();
    await rig.project({ 'package.json': { name: 'p', version: '1.0.0', dependencies: { failing: 'file:failing.tgz', semver: '^7.5.0' } }, 'failing.tgz': failing });
    await rig.lock();
    const planned = await rig.plan();
    const failure = await planned.build().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failed);
    expect((failure as Failed).problems).toMatchObject([{ reason: 'compile', message: 'the install script of failing 1.0.0 failed', place: { file: 'package-lock.json' } }]);
    expect((failure as Failed).problems[0]?.detail?.join('\n')).toMatch(/^\$ npm rebuild node_modules\/failing[^]*about to fail/);
    expect(await planned.missing()).toEqual([]);
  });
});

async function same(spec: Parameters<Rig['plan']>[0] = {}, args = '', except?: RegExp): Promise<void> {
  const built = await (await rig.plan(spec)).build();
  expect(differences(await rig.listing(built), await rig.npmCi(args), except)).toEqual([]);
}

/** A tarball of these files, as `package/…`; `script` may change them before they are packed. */
async function pack(files: Readonly<Record<string, string | object>>, script = ':'): Promise<Buffer> {
  const folder = await mkdtemp(join(dir, 'pack-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, 'package', path)), { recursive: true });
    await writeFile(join(folder, 'package', path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  await promisify(execFile)('sh', ['-ec', `${script}; tar -czf package.tgz package`], { cwd: folder });
  return readFile(join(folder, 'package.tgz'));
}
