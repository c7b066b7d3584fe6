import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Failed } from '../../../src/core/failure.js';
import type { Event } from '../../../src/core/events.js';
import type { RequirementHash } from '../../../src/core/identity.js';
import { connectEngine } from '../../../src/engine/connect.js';
import { createImagePlanner } from '../../../src/images/create-planner.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { docker, removeImages } from '../../support/images/docker.js';
import { projectOf, temporaryFolder, writeTree, type ImageSketch } from '../../support/images/project.js';

const PROJECT = `test-${randomUUID().slice(0, 8)}`;
const TOKEN = `tok-${randomUUID()}`;
const PASSWORD = `pass-${randomUUID()}`;
let root: string;

beforeAll(async () => {
  root = await temporaryFolder();
});

afterAll(async () => {
  const images = (await docker(['images', '-q', '--no-trunc', '--filter', `label=wheelwright.project=${PROJECT}`])).split('\n').filter(Boolean);
  await removeImages([...new Set(images)]);
});

function planner(sketches: Record<string, ImageSketch>, env: Record<string, string> = {}) {
  const events: Event[] = [];
  const images = createImagePlanner(projectOf(root, sketches, [], PROJECT), {
    engine: connectEngine(),
    store: new MemoryStore(),
    emit: (event) => void events.push(event),
    signal: new AbortController().signal,
    offline: true,
    jobs: 2,
    artifactKey: async (name) => name.padEnd(64, '0') as RequirementHash,
    artifact: async () => Promise.reject(new Error('none')),
    env,
  });
  return { images, events };
}

test('secrets reach their step and are found nowhere else: image, history, labels, key record, log', async () => {
  await writeFile(join(root, 'password'), PASSWORD);
  // The step shows them, as careless ones do.
  const run = `RUN --mount=type=secret,id=token --mount=type=secret,id=password cat /run/secrets/token /run/secrets/password && cat /run/secrets/* | wc -c > /size # ${randomUUID()}`;
  await writeTree(root, { 'images/web/Dockerfile': `FROM debian:trixie-slim\n${run}\n` });
  const sketch = { web: { secrets: { token: { env: 'TOKEN' }, password: { file: 'password' }, unused: { env: 'ABSENT' } } } };
  const { images, events } = planner(sketch, { TOKEN });
  const [result] = await images.build(['web']);
  expect(result?.status).toBe('built');
  expect(await docker(['run', '--rm', '--network=none', result!.id, 'cat', '/size'])).toBe(`${TOKEN.length + PASSWORD.length}\n`);
  const told = [JSON.stringify([events, await images.plan(['web']), result]), await docker(['history', '--no-trunc', result!.id]), await docker(['inspect', result!.id])].join('\n');
  expect(told).toContain('***');
  expect(told).not.toContain(TOKEN);
  expect(told).not.toContain(PASSWORD);
  // Values are not in the key.
  expect(await planner(sketch, { TOKEN: 'another' }).images.key('web')).toBe(result!.key);
});

test('a step that fails shows no secret in its failure', async () => {
  const run = `RUN --mount=type=secret,id=token cat /run/secrets/token && false # ${randomUUID()}`;
  await writeTree(root, { 'images/bad/Dockerfile': `FROM debian:trixie-slim\n${run}\n` });
  const error = await failureOf(planner({ bad: { secrets: { token: { env: 'TOKEN' } } } }, { TOKEN }).images.build(['bad']));
  expect(error.problems[0]).toMatchObject({ reason: 'build', place: { file: 'images/bad/Dockerfile', line: 2 } });
  expect(JSON.stringify(error.problems)).toContain('***');
  expect(JSON.stringify(error.problems)).not.toContain(TOKEN);
});

test.each([
  ['secret,id=token', { secrets: { token: { env: 'ABSENT' } } }, 'ABSENT, which is not set'],
  ['secret,id=token', { secrets: { token: { file: 'absent' } } }, 'absent (ENOENT)'],
  ['ssh', { ssh: ['default'] }, 'SSH_AUTH_SOCK is not set'],
  ['ssh', { ssh: ['default=no.sock'] }, 'no.sock (ENOENT)'],
])('%s that is not there: %j', async (mount, sketch, message) => {
  await writeTree(root, { 'images/none/Dockerfile': `FROM debian:trixie-slim\nRUN --mount=type=${mount} true # ${randomUUID()}\n` });
  const error = await failureOf(planner({ none: sketch as ImageSketch }).images.build(['none']));
  expect(error.problems[0]).toMatchObject({ reason: 'config', message: expect.stringContaining(message), place: { file: 'project.yml' } });
});

test.each([['default', 'default'], ['git', 'git=agent.sock']])('a step speaks with the agent "%s"', async (id, setting) => {
  const path = join(root, 'agent.sock');
  const agent = createServer((socket) => void socket.on('error', () => undefined).on('data', (data) => socket.end(`heard ${data.toString()}`)));
  await new Promise<void>((settle) => agent.listen(path, settle));
  try {
    const say = "perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ENV{SSH_AUTH_SOCK}) or die; print $s \"hello\\n\"; print scalar <$s>'";
    await writeTree(root, { 'images/agent/Dockerfile': `FROM debian:trixie-slim\nRUN --mount=type=ssh,id=${id},required=true ${say} # ${randomUUID()}\n` });
    const { images, events } = planner({ agent: { ssh: [setting] } }, { SSH_AUTH_SOCK: path });
    await images.build(['agent']);
    expect(JSON.stringify(events)).toContain('heard hello');
  } finally {
    agent.close();
  }
});

async function failureOf(work: Promise<unknown>): Promise<Failed> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  if (error instanceof Failed) return error;
  throw error ?? new Error('did not fail');
}
