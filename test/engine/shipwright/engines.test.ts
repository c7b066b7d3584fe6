import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { checkout, type Checkout } from '../../support/checkout.js';
import { buildCli, runCli } from '../../support/cli.js';
import { modernEngine, type ModernEngine } from '../../support/modern-engine.js';
import { sample } from './fixtures.js';

let repo: Checkout;
let modern: ModernEngine;
beforeAll(async () => {
  repo = await checkout(sample);
  modern = await modernEngine(repo.beside(''));
});
afterAll(async () => {
  modern.close();
  await repo.close();
});

describe('an engine that refuses API versions before 1.44', () => {
  test('builds, and is the one that DOCKER_HOST names', async () => {
    const result = await runCli(['images', '--engine-build', '--json'], { cwd: repo.root, env: { DOCKER_HOST: modern.host } });
    expect(result.json()).toMatchObject({ images: ['base', 'shared', 'service1'].map((name) => ({ name, status: 'built' })) });
    expect(modern.requests.filter((request) => request.endsWith('/build'))).toHaveLength(3);
    expect(modern.requests.filter((request) => request.includes('/v1.'))).toEqual([]);
  });

  test('is found through a docker context too', async () => {
    const before = modern.requests.length;
    const id = createHash('sha256').update('modern').digest('hex');
    await repo.at(repo.beside('')).write({ [`docker/contexts/meta/${id}/meta.json`]: JSON.stringify({ Name: 'modern', Endpoints: { docker: { Host: modern.host } } }) });
    const result = await runCli(['images', '--json'], { cwd: repo.root, env: { DOCKER_CONTEXT: 'modern', DOCKER_CONFIG: repo.beside('docker') } });
    expect(result.json()).toMatchObject({ images: ['base', 'shared', 'service1'].map((name) => ({ name, status: 'present' })) });
    expect(modern.requests.length).toBeGreaterThan(before);
  });
});

test('--events adds each event of a run as a line of JSON, of the real command', async () => {
  const file = repo.beside('events');
  for (const name of ['base', 'shared']) await repo.artifacts('images', '--no-cache', '--engine-build', '-e', name, '--events', file);
  const events = (await readFile(file, 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(events.filter(({ type }) => type === 'image').map(({ name, state }) => `${name} ${state}`)).toEqual(expect.arrayContaining(['base started', 'base built', 'shared started', 'shared built']));
  expect(events).toContainEqual({ time: expect.stringMatching(/^\d{4}-.*Z$/), type: 'log', subject: 'base', line: expect.stringContaining('ADD . /code') });
  const { status, stderr } = await repo.artifacts('images', '--events', join(repo.beside('none'), 'events'));
  expect([status, stderr]).toEqual([1, expect.stringContaining('can not be written (ENOENT)')]);
});

test('a run that failed says so by its status, however it was called', async () => {
  const main = await buildCli();
  await symlink(main, repo.beside('artifacts'));
  for (const [command, ...args] of [[repo.beside('artifacts')], [process.execPath, main], ['sh', '-c', `exec '${process.execPath}' '${main}' "$@"`, 'sh']] as const) {
    const failed = await new Promise<{ status: unknown; stderr: string }>((resolve) =>
      execFile(command, [...args, 'images', 'no-such-image'], { cwd: repo.root }, (error, _, stderr) => resolve({ status: error?.code, stderr })));
    expect(failed).toEqual({ status: 1, stderr: expect.stringContaining('no-such-image') });
  }
});
