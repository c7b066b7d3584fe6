import { afterAll, describe, expect, test } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { Failed } from '../../../src/core/failure.js';
import { connectEngine } from '../../../src/engine/connect.js';
import type { BuildSession } from '../../../src/engine/engine.js';
import { docker, removeImages } from '../../support/images/docker.js';

const NAME = `test-session-${randomUUID().slice(0, 8)}`;
const engine = connectEngine();
const made: string[] = [];

afterAll(() => removeImages(made));

interface Outcome {
  readonly id?: string;
  readonly lines: readonly string[];
  readonly error?: Failed;
}

async function build(steps: string, session?: BuildSession, signal?: AbortSignal): Promise<Outcome> {
  const dockerfile = Buffer.from(`FROM debian:trixie-slim\n${steps}\n`);
  const entry = { type: 'file' as const, path: 'Dockerfile', mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size: dockerfile.length };
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  try {
    const id = await engine.build({
      context: () => tarOf([{ entry, content: dockerfile }]),
      dockerfile: 'Dockerfile', tags: [`${NAME}:${made.length}`], backend: 'buildkit', noCache: true, onLine,
      ...(session === undefined ? {} : { session }), ...(signal === undefined ? {} : { signal }),
    });
    made.push(id);
    return { id, lines };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return { lines, error };
  }
}

describe('secrets', () => {
  const value = Buffer.concat([Buffer.from(`${randomUUID()}\n`), Buffer.from([0, 255, 128]), Buffer.alloc(100_000, 'x')]);

  test('reach the step that mounts them, byte by byte, and nothing else', async () => {
    const asked: string[] = [];
    const secret = async (id: string) => {
      asked.push(id);
      return id === 'token' ? value : undefined;
    };
    const { id, lines, error } = await build('RUN --mount=type=secret,id=token sha256sum /run/secrets/token | cut -c 1-64 > /sum\nRUN --mount=type=secret,id=other ls /run/secrets/other || echo none > /none', { secret });
    expect(error).toBeUndefined();
    expect((await docker(['run', '--rm', '--network=none', id!, 'cat', '/sum', '/none'])).split('\n')).toEqual([createHash('sha256').update(value).digest('hex'), 'none', '']);
    expect([...new Set(asked)].sort()).toEqual(['other', 'token']);
    const told = [...lines, await docker(['history', '--no-trunc', id!]), await docker(['inspect', id!])].join('\n');
    expect(told).not.toContain(value.toString('latin1').slice(0, 36));
  });

  test('one that is required and not there fails the build by its name', async () => {
    const { error } = await build('RUN --mount=type=secret,id=absent,required=true true', { secret: async () => undefined });
    expect(error?.problems[0]).toMatchObject({ reason: 'build', message: expect.stringContaining('absent') });
  });

  test('a failure to answer is told, without the text of a bug', async () => {
    const secret = async () => Promise.reject(new Failed({ reason: 'config', message: 'the helper is broken' }));
    const { error } = await build('RUN --mount=type=secret,id=token,required=true true', { secret });
    expect(error?.problems.map(({ reason }) => reason)).toEqual(['config', 'build']);
    const other = await build('RUN --mount=type=secret,id=token,required=true true', { secret: async () => Promise.reject(new Error('hush')) });
    expect(JSON.stringify([other.error?.problems, other.lines])).not.toContain('hush');
  });
});

describe('ssh', () => {
  const SAY = "perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ENV{SSH_AUTH_SOCK}) or die; print $s \"x\" x 200000, \"\\n\"; print scalar <$s>'";

  test('bytes go both ways between a step and the agent', async () => {
    const ids: string[] = [];
    const agent = await listening(createServer((socket) => {
      let size = 0;
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        size += data.length;
        if (data.includes(10)) socket.end(`got ${size}\n`);
      });
    }));
    try {
      const sshAgent = async (id: string) => {
        ids.push(id);
        return id === 'default' ? connect(agent.port) : undefined;
      };
      const { lines, error } = await build(`RUN --mount=type=ssh ${SAY}`, { sshAgent });
      expect(error).toBeUndefined();
      expect(lines.join('\n')).toContain('got 200001');
      expect([...new Set(ids)]).toEqual(['default']);
    } finally {
      agent.close();
    }
  });
});

describe('credentials of registries', () => {
  test('are asked for by host, and shown to that host only', async () => {
    const shown: (string | undefined)[] = [];
    const registry = await listening(createHttpServer((request, response) => {
      shown.push(request.headers.authorization);
      response.writeHead(request.headers.authorization === undefined ? 401 : 404, { 'WWW-Authenticate': 'Basic realm="test"' }).end();
    }));
    try {
      const host = `127.0.0.1:${registry.port}`;
      const asked: string[] = [];
      const credentials = async (name: string) => {
        asked.push(name);
        return name === host ? { username: 'ann', password: 'open sesame' } : undefined;
      };
      const { lines, error } = await build(`FROM ${host}/private/base:1`, { credentials });
      expect([...new Set(asked)]).toEqual([host]);
      expect(shown.at(-1)).toBe(`Basic ${Buffer.from('ann:open sesame').toString('base64')}`);
      expect(error?.has('build')).toBe(true);
      expect(JSON.stringify([error?.problems, lines])).not.toContain('sesame');
    } finally {
      registry.close();
    }
  });
});

test('a build that is broken off ends its session', async () => {
  const stop = new AbortController();
  const agent = await listening(createServer((socket) => {
    socket.on('error', () => undefined);
    // The step sends something and then waits.
    socket.on('data', () => stop.abort());
  }));
  try {
    const wait = "perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ENV{SSH_AUTH_SOCK}); print $s 1; $s->flush; sleep 60'";
    const { error } = await build(`RUN --mount=type=ssh ${wait}`, { sshAgent: async () => connect(agent.port) }, stop.signal);
    expect(error?.has('interrupted')).toBe(true);
    await agent.idle();
  } finally {
    agent.close();
  }
});

/** On a free port; `idle` resolves when all its connections are gone. */
async function listening(server: Server): Promise<{ readonly port: number; close(): void; idle(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => void server.close();
  return { port: (server.address() as AddressInfo).port, close, idle: () => new Promise((resolve) => server.close(() => resolve())) };
}
