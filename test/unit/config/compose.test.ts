import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { readCompose } from '../../../src/config/compose.js';
import { substitute } from '../../../src/config/variables.js';
import { Failed } from '../../../src/core/failure.js';
import { composeImages } from '../../../src/images/compose-images.js';
import { projectOf } from '../../support/images/project.js';
import { writeFiles } from '../../support/project.js';
import { inTemporaryFolder } from '../../support/temporary.js';

test.each([
  ['$A-${A}-$$A', 'a-a-$A'],
  ['${NONE:-x}${NONE-y}${EMPTY:-z}${EMPTY-w}', 'xyz'],
  ['${NONE:-${A}}', 'a'],
  ['${A:+set}${NONE+set}', 'set'],
  ['${NONE:?must be set}|$NONE', '|'],
  ['costs 5$', 'costs 5$'],
])('%s is %s', (text, filled) => expect(substitute(text, { A: 'a', EMPTY: '' })).toBe(filled));

const COMPOSE = `
x-common: &common
  profiles: [debug]
services:
  db: { image: postgres:16 }
  web:
    <<: *common
    image: \${REGISTRY:-registry.example.com}/acme/web:\${TAG}
  worker: { build: ./services/worker }
  admin:
    build: { context: ., dockerfile: services/admin/Dockerfile.dev }
  again: { image: shop-job }
`;

const project = (root: string) =>
  projectOf(root, {
    web: { repository: 'registry.example.com/acme/web' },
    worker: { context: 'services/worker' },
    admin: { context: 'services/admin', dockerfile: 'services/admin/Dockerfile.dev' },
    job: {},
    other: {},
  });

async function images(files: Record<string, string>, env = {}, profiles: readonly string[] = []) {
  return inTemporaryFolder(async (root) => {
    await writeFiles(root, files);
    try {
      const services = await readCompose('deploy/compose.yml' in files ? 'deploy/compose.yml' : 'compose.yml', { cwd: root, env, profiles });
      return Object.fromEntries(composeImages(project(root), services, 'compose.yml'));
    } catch (error) {
      return (error as Failed).problems;
    }
  });
}

describe('images that a compose file needs', () => {
  test('by name, variables filled in, and by Dockerfile; with the service and its place', async () =>
    expect(await images({ 'compose.yml': COMPOSE, '.env': 'TAG="v1"\n' }, {}, ['debug'])).toEqual({
      web: 'service web of compose.yml:6:3 runs it',
      worker: 'service worker of compose.yml:9:3 runs it',
      admin: 'service admin of compose.yml:10:3 runs it',
      job: 'service again of compose.yml:12:3 runs it',
    }));

  test.each<[string, string, Record<string, string>, readonly string[]]>([
    ['no profile', '', {}, ['worker', 'admin', 'job']],
    ['COMPOSE_PROFILES', '', { COMPOSE_PROFILES: 'other, debug' }, ['web', 'worker', 'admin', 'job']],
    ['COMPOSE_PROFILES in .env', 'COMPOSE_PROFILES=debug\n', {}, ['web', 'worker', 'admin', 'job']],
    ['all of them', 'COMPOSE_PROFILES=*\n', {}, ['web', 'worker', 'admin', 'job']],
  ])('of services with profiles only the active ones: %s', async (_, file, env, names) =>
    expect(Object.keys((await images({ 'compose.yml': COMPOSE, '.env': `TAG=v1\n${file}` }, env)) as object)).toEqual(names));

  test('if only services that are not active run one of ours, it says which profile to switch on', async () =>
    expect(await images({ 'compose.yml': 'services:\n  w: { build: ./services/worker, profiles: [a, b] }\n' })).toMatchObject([
      { reason: 'usage', message: expect.stringContaining('w is in a profile'), place: { line: 2 }, advice: 'switch it on with --profile a' },
    ]));

  test('the environment wins over .env', async () => {
    const named = await images({ 'compose.yml': 'services:\n  web: { image: "${NAME}" }\n', '.env': 'NAME=other\n' }, { NAME: 'shop-job' });
    expect(Object.keys(named)).toEqual(['job']);
  });

  test('paths are relative to the file', async () =>
    expect(Object.keys(await images({ 'deploy/compose.yml': 'services:\n  w: { build: ../services/worker }\n' }))).toEqual(['worker']));

  test('extends: of the same file, of another one with its own folder, over several steps; what it says itself wins', async () =>
    expect(await images({
      'deploy/compose.yml': 'services:\n  a: { extends: b, image: "shop-job" }\n  b: { extends: { file: ../common/base.yml, service: worker } }\n  c: { extends: { file: ../common/base.yml, service: admin }, build: { dockerfile: services/admin/Dockerfile.dev } }\n',
      'common/base.yml': 'services:\n  worker: { extends: deep }\n  deep: { build: "../services/${WHICH}" }\n  admin: { build: { context: .., dockerfile: none } }\n',
    }, { WHICH: 'worker' })).toEqual({
      job: 'service a of deploy/compose.yml:2:3 runs it',
      worker: 'service b of deploy/compose.yml:3:3 runs it',
      admin: 'service c of deploy/compose.yml:4:3 runs it',
    }));

  test('include: with its own folder and .env, over several steps, several files as one; the file that includes wins', async () =>
    expect(await images({
      'compose.yml': 'include:\n  - services/worker/compose.yml\n  - path: [parts/a.yml, parts/b.yml]\n    project_directory: .\n    env_file: parts/b.env\nservices:\n  over: { image: postgres }\n',
      'services/worker/compose.yml': 'include: [more.yml]\nservices:\n  w: { build: "${HERE}" }\n  over: { image: shop-other }\n',
      'services/worker/.env': 'HERE=.\n',
      'services/worker/more.yml': 'services:\n  j: { image: shop-job }\n',
      'parts/a.yml': 'services:\n  adm: { image: "${IMAGE}", build: . }\n',
      'parts/b.yml': 'services:\n  adm: { image: "", build: { dockerfile: services/admin/Dockerfile.dev } }\n',
      'parts/b.env': 'IMAGE=none\n',
    })).toEqual({
      job: 'service j of services/worker/more.yml:2:3 runs it',
      worker: 'service w of services/worker/compose.yml:3:3 runs it',
      admin: 'service adm of parts/b.yml:2:3 runs it',
    }));

  test.each([
    ['an included file that is not there', { 'compose.yml': 'include:\n  - none.yml\nservices: {}\n' }, { message: 'the compose file none.yml cannot be read (ENOENT)', place: { line: 2, column: 5 }, advice: 'check the path under `include`' }],
    ['an extended file that is not there', { 'compose.yml': 'services:\n  a: { extends: { file: none.yml, service: b } }\n' }, { message: expect.stringContaining('none.yml'), place: { line: 2 } }],
    ['an extended service that is not there', { 'compose.yml': 'services:\n  a: { extends: wep }\n  web: { image: x }\n' }, { message: 'compose.yml has no service wep, which a extends', place: { line: 2, column: 17 }, advice: 'did you mean web?' }],
    ['files that include each other', { 'compose.yml': 'include: [b.yml]\n', 'b.yml': 'include: [compose.yml]\n' }, { message: 'compose files that need each other: compose.yml → b.yml → compose.yml', place: { file: 'b.yml', line: 1 } }],
    ['services that extend each other', { 'compose.yml': 'services:\n  a: { extends: b }\n  b: { extends: a }\n' }, { message: expect.stringContaining('need each other') }],
    ['a file that extends a mistake', { 'compose.yml': 'services:\n  a: { extends: { file: b.yml, service: b } }\n', 'b.yml': 'services: [' }, { message: expect.stringContaining('not valid YAML'), place: { file: 'b.yml' } }],
  ])('%s', async (_, files, problem) => expect(await images(files as unknown as Record<string, string>)).toMatchObject([{ reason: 'config', ...problem }]));

  test('a file without one of ours says what ours are called', async () => {
    expect(await images({ 'compose.yml': 'services:\n  db: { image: postgres }\n' })).toMatchObject([{ message: 'no service of compose.yml runs an image of this project', advice: expect.stringContaining('shop-worker') }]);
    expect(await images({ 'compose.yml': 'services:\n  db: { image: "registry.example.com/acme/wep:1" }\n' })).toMatchObject([{ advice: 'did you mean registry.example.com/acme/web?' }]);
  });

  test.each([
    ['services: [', 'not valid YAML'],
    ['name: x\n', 'compose.yml has no services'],
  ])('%j', async (text, message) => expect(await images({ 'compose.yml': text })).toMatchObject([{ reason: 'config', message: expect.stringContaining(message) }]));

  test('no such file', () =>
    expect(readCompose(join('none', 'compose.yml'), { cwd: '/', env: {} })).rejects.toThrow('none/compose.yml cannot be read (ENOENT)'));
});
