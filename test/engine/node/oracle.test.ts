import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { differences, openRig, type Rig } from './rig.js';

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
});

async function same(spec: Parameters<Rig['plan']>[0] = {}, args = '', except?: RegExp): Promise<void> {
  const built = await (await rig.plan(spec)).build();
  expect(differences(await rig.listing(built), await rig.npmCi(args), except)).toEqual([]);
}
