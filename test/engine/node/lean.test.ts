import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { differences, openRig, readText, type Rig } from './rig.js';

/** An npm that knows `libc`: with a lock that says it, its `npm ci` makes what `lean` makes of a lock that doesn't. */
const IMAGE = process.env['WHEELWRIGHT_TEST_PONTOON_BUILDER'] ?? 'wheelwright-test/pontoon-builder';
const HIDDEN_LOCK = /^node_modules\/\.package-lock\.json$/;

let dir: string;
let rig: Rig;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-lean-'));
  rig = await openRig(dir, IMAGE);
});

afterAll(async () => {
  await rig.close();
  await rm(dir, { recursive: true, force: true });
});

describe('lean, of a lock without libc, equals npm ci of the same lock with it', () => {
  test('native packages of the registry that have a variant for each libc', async () => {
    await rig.project({ 'package.json': { name: 'variants', version: '1.0.0', dependencies: { lightningcss: '1.29.1', rollup: '4.34.0', '@parcel/watcher': '2.5.1' } } });
    await rig.lock();
    const { ours, without, npm } = await compared();
    expect(differences(ours, npm, HIDDEN_LOCK)).toEqual([]);
    expect([...without.keys()].filter((path) => /musl[^/]*\/package\.json$/.test(path))).toHaveLength(3);
    expect([...ours.keys()].filter((path) => path.includes('musl') || HIDDEN_LOCK.test(path))).toEqual([]);
    expect([...ours.keys()].filter((path) => /(?:gnu|glibc)\/package\.json$/.test(path))).toHaveLength(3);
  });

  test.each(['', 'dev'] as const)('what only they need, what others need too, and their commands; omit %s', async (omit) => {
    const native = (libc: string, more: object = {}): object => ({ name: libc, version: '1.0.0', libc: [libc], bin: { run: 'cli.js' }, ...more });
    await rig.project({
      'package.json': {
        name: 'chain', version: '1.0.0', dependencies: { mkdirp: '1.0.4' }, devDependencies: { rimraf: '3.0.2' },
        optionalDependencies: { glibc: 'file:glibc.tgz', musl: 'file:musl.tgz', wrapper: 'file:wrapper.tgz' },
      },
      'glibc.tgz': await pack(native('glibc')),
      'musl.tgz': await pack(native('musl', { dependencies: { semver: '5.7.2', mkdirp: '1.0.4', glob: '^7.1.3' }, optionalDependencies: { '@sindresorhus/is': '4.6.0' } })),
      'wrapper.tgz': await pack({ name: 'wrapper', version: '1.0.0', dependencies: { inner: '1.0.0', react: '16.14.0' }, bundleDependencies: ['inner'], libc: 'musl' }),
    });
    await rig.lock();
    const { ours, without, npm } = await compared(omit === '' ? [] : [omit]);
    expect(differences(ours, npm, HIDDEN_LOCK)).toEqual([]);
    for (const name of ['musl', 'wrapper', 'semver', 'react', '@sindresorhus/is']) {
      expect([name, without.has(`node_modules/${name}/package.json`), ours.has(`node_modules/${name}`)]).toEqual([name, true, false]);
    }
    expect(ours.get('node_modules/.bin/run')).toBe('link -> ../glibc/cli.js');
    expect([...ours.keys()]).toEqual(expect.arrayContaining(['node_modules/glibc/package.json', 'node_modules/mkdirp/package.json', 'node_modules/glob/package.json']));
  });
});

/** Trees of the project's lock: ours with and without `lean` of it without `libc`, and that of `npm ci` with `libc` as npm wrote it. */
async function compared(omit: readonly 'dev'[] = []): Promise<{ readonly ours: ReadonlyMap<string, string>; readonly without: ReadonlyMap<string, string>; readonly npm: ReadonlyMap<string, string> }> {
  const lock = JSON.parse(await readText(rig, 'package-lock.json')) as { packages: Record<string, Record<string, unknown>> };
  const told = Object.values(lock.packages).filter((entry) => entry['libc'] !== undefined);
  expect(told).not.toEqual([]);
  const npm = await rig.npmCi(...omit.map((kind) => `--omit=${kind}`));
  for (const entry of told) delete entry['libc'];
  await writeFile(join(rig.root, 'package-lock.json'), JSON.stringify(lock, null, 2));
  const tree = async (lean: boolean): Promise<ReadonlyMap<string, string>> => rig.listing(await (await rig.plan({ lean, omit })).build());
  return { ours: await tree(true), without: await tree(false), npm };
}

async function pack(manifest: object): Promise<Buffer> {
  const folder = await mkdtemp(join(dir, 'pack-'));
  const bundled = join(folder, 'package/node_modules/inner');
  await mkdir(bundled, { recursive: true });
  if ('bundleDependencies' in manifest) await writeFile(join(bundled, 'package.json'), '{"name":"inner","version":"1.0.0"}');
  await writeFile(join(folder, 'package/package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'package/cli.js'), '#!/usr/bin/env node\n');
  await promisify(execFile)('tar', ['-czf', 'package.tgz', 'package'], { cwd: folder });
  return readFile(join(folder, 'package.tgz'));
}
