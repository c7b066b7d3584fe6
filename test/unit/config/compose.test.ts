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

async function images(files: Record<string, string>, env = {}) {
  return inTemporaryFolder(async (root) => {
    await writeFiles(root, files);
    try {
      const services = await readCompose('deploy/compose.yml', { cwd: root, env }).catch(async () => readCompose('compose.yml', { cwd: root, env }));
      return Object.fromEntries(composeImages(project(root), services, 'compose.yml'));
    } catch (error) {
      return (error as Failed).problems;
    }
  });
}

describe('images that a compose file needs', () => {
  test('by name, variables filled in, and by Dockerfile; with the service and its place', async () =>
    expect(await images({ 'compose.yml': COMPOSE, '.env': 'TAG="v1"\n' })).toEqual({
      web: 'service web of compose.yml:6:3 runs it',
      worker: 'service worker of compose.yml:9:3 runs it',
      admin: 'service admin of compose.yml:10:3 runs it',
      job: 'service again of compose.yml:12:3 runs it',
    }));

  test('the environment wins over .env', async () => {
    const named = await images({ 'compose.yml': 'services:\n  web: { image: "${NAME}" }\n', '.env': 'NAME=other\n' }, { NAME: 'shop-job' });
    expect(Object.keys(named)).toEqual(['job']);
  });

  test('paths are relative to the file', async () =>
    expect(Object.keys(await images({ 'deploy/compose.yml': 'services:\n  w: { build: ../services/worker }\n' }))).toEqual(['worker']));

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
