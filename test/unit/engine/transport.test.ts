import { expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createRawServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { Failed } from '../../../src/core/failure.js';
import type { ImageId } from '../../../src/core/identity.js';
import { connectEngine } from '../../../src/engine/connect.js';
import type { Engine } from '../../../src/engine/engine.js';
import { inTemporaryFolder } from '../../support/temporary.js';

const API = { 'Api-Version': '1.41' };

/** An engine that answers as the test says. */
async function withEngine<T>(listener: RequestListener, work: (engine: Engine) => Promise<T>): Promise<T> {
  return await inTemporaryFolder(async (dir) => {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(join(dir, 's'), resolve));
    try {
      return await work(connectEngine({ host: `unix://${dir}/s`, heartbeat: { every: 50, patience: 2000 } }));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}

/** A server that says these bytes and hangs up. */
async function withBytes<T>(bytes: string, work: (engine: Engine) => Promise<T>): Promise<T> {
  return await inTemporaryFolder(async (dir) => {
    const sockets = new Set<Socket>();
    const server = createRawServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      socket.once('data', () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => server.listen(join(dir, 's'), resolve));
    try {
      return await work(connectEngine({ host: `unix://${dir}/s` }));
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
}

async function failureOf(promise: Promise<unknown>): Promise<Failed['problems'][number]> {
  const error = await promise.then(() => 'no failure', (reason: unknown) => reason);
  expect(error).toBeInstanceOf(Failed);
  return (error as Failed).problems[0]!;
}

test('an engine that is too old says so, also when it answers well', async () => {
  await withEngine((_request, response) => void response.writeHead(200, { 'Api-Version': '1.37' }).end('{}'), async (engine) => {
    expect(await failureOf(engine.info())).toMatchObject({ reason: 'engine', message: expect.stringContaining('too old'), advice: expect.stringContaining('18.09') });
  });
});

test('something that is no engine', async () => {
  await withEngine((_request, response) => void response.end('<html>hello'), async (engine) => {
    expect((await failureOf(engine.info())).message).toContain('not a Docker Engine');
  });
  await withBytes('SSH-2.0-OpenSSH\r\n', async (engine) => {
    expect((await failureOf(engine.info())).message).toContain('not a Docker Engine');
  });
});

test('an answer that is cut short, at whatever place', async () => {
  const head = 'HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 100\r\n\r\n';
  for (const bytes of ['', 'HTTP/1.1 200', head, `${head}{"ID":`]) {
    await withBytes(bytes, async (engine) => expect(await failureOf(engine.info())).toMatchObject({ reason: 'engine' }));
  }
});

test('JSON that is none, and JSON of other types', async () => {
  await withEngine((_request, response) => void response.writeHead(200, API).end('{"ID": '), async (engine) => {
    expect(await failureOf(engine.info())).toMatchObject({ reason: 'engine' });
  });
  await withEngine((_request, response) => void response.writeHead(200, API).end('{"RepoTags":{"a":5},"Config":[],"Size":"x","RootFS":null}'), async (engine) => {
    expect(await engine.image('x')).toMatchObject({ tags: [], labels: {}, size: 0, layers: [] });
  });
});

test('statuses mean what they mean whatever the text', async () => {
  let status = 404;
  await withEngine((_request, response) => void response.writeHead(status, API).end('{"message":"some text"}'), async (engine) => {
    expect(await engine.image('x:1')).toBeUndefined();
    expect(await engine.removeImage('x:1')).toBe('absent');
    await engine.container('abc').remove();
    expect(await engine.container('abc').inspect()).toBeUndefined();
    expect(await engine.container('abc').getArchive('/x')).toBeUndefined();
    expect(await failureOf(engine.createContainer({ image: 'x' }))).toMatchObject({ reason: 'not-found' });
    expect(await failureOf(engine.pull('x'))).toMatchObject({ reason: 'not-found', message: expect.stringContaining('some text') });
    status = 409;
    expect(await engine.removeImage('x:1')).toBe('in-use');
    await engine.container('abc').kill('TERM');
    status = 500;
    expect(await failureOf(engine.image('x:1'))).toMatchObject({ reason: 'engine', message: 'the engine could not inspect the image x:1: some text' });
    expect(await failureOf(engine.pull('x'))).toMatchObject({ reason: 'registry' });
    expect(await failureOf(engine.load(Readable.from(['x'])))).toMatchObject({ reason: 'archive' });
    expect(await failureOf(engine.build({ context: () => Readable.from(['x']), dockerfile: 'D', tags: [], backend: 'classic' }))).toMatchObject({ reason: 'build' });
  });
});

test('an error frame is a failure although the status was 200', async () => {
  const frames = '{"status":"Pulling"}\r\n{"errorDetail":{"message":"it broke"},"error":"it broke"}\r\n';
  await withEngine((_request, response) => void response.writeHead(200, API).end(frames), async (engine) => {
    expect(await failureOf(engine.pull('x'))).toMatchObject({ reason: 'registry', message: 'could not pull x: it broke' });
    expect(await failureOf(engine.load(Readable.from(['x'])))).toMatchObject({ reason: 'archive' });
    expect(await failureOf(engine.push('x:1'))).toMatchObject({ reason: 'registry' });
  });
});

test('a refusal is heard before anything is sent', async () => {
  let received = 0;
  await withEngine((request, response) => {
    request.on('data', (chunk: Buffer) => (received += chunk.length));
    response.writeHead(404, API).end('{"message":"no such container"}');
  }, async (engine) => {
    const server = engine.container('abc').putArchive('/x', new PassThrough());
    expect(await failureOf(server)).toMatchObject({ reason: 'not-found' });
    expect(received).toBe(0);
  });
});

test('a source that fails is the failure of its call, and not the engine’s', async () => {
  const failing = Readable.from((async function* () {
    yield Buffer.alloc(10);
    throw new Error('the source is broken');
  })());
  await withEngine((request, response) => {
    request.resume().on('end', () => response.writeHead(200, API).end());
    request.on('error', () => undefined);
  }, async (engine) => {
    await expect(engine.container('abc').putArchive('/', failing)).rejects.toThrow('the source is broken');
  });
});

test('an engine that accepts and never answers is given up', async () => {
  await withEngine(() => undefined, async (engine) => {
    expect(await failureOf(engine.info())).toMatchObject({ reason: 'engine', message: expect.stringContaining('does not answer') });
  });
});

test('a slow engine that lives is waited for', async () => {
  await withEngine((request, response) => {
    if (request.url === '/_ping') response.writeHead(200, API).end('OK');
    else setTimeout(() => response.writeHead(200, API).end('{"ID":"slow"}'), 600);
  }, async (engine) => expect(await engine.info()).toMatchObject({ id: 'slow' }));
});

test('an aborted call is an interruption', async () => {
  const abort = new AbortController();
  await withEngine((request) => {
    if (request.url !== '/_ping') abort.abort();
  }, async (engine) => {
    expect(await failureOf(engine.pull('x', { signal: abort.signal }))).toMatchObject({ reason: 'interrupted' });
  });
});

test('credentials go into a header only', async () => {
  const seen: string[] = [];
  await withEngine((request, response) => {
    seen.push(`${request.url} ${String(request.headers['x-registry-auth'])}`);
    if (request.url!.startsWith('/images/create')) response.writeHead(200, API).end();
    else response.writeHead(200, API).end('{}');
  }, async (engine) => {
    await engine.pull('r.example.com:5000/a/b:1', { auth: { serverAddress: 'r.example.com:5000', username: 'u', password: 'geheim' } });
    const [path, header] = seen[0]!.split(' ');
    expect(path).toBe('/images/create?fromImage=r.example.com%3A5000%2Fa%2Fb&tag=1');
    expect(JSON.parse(Buffer.from(header!, 'base64url').toString())).toEqual({ serveraddress: 'r.example.com:5000', username: 'u', password: 'geheim' });
    expect(seen[1]).not.toContain('geheim');
  });
});

test('an image in use is left alone, one with several tags is untagged', async () => {
  const id = `sha256:${'a'.repeat(64)}` as ImageId;
  const calls: string[] = [];
  let containers = '[]';
  await withEngine((request, response) => {
    calls.push(`${request.method} ${request.url}`);
    if (request.method === 'DELETE') response.writeHead(request.url!.includes('sha256') ? 409 : 200, API).end('[]');
    else response.writeHead(200, API).end(request.url!.startsWith('/containers') ? containers : JSON.stringify({ Id: id, RepoTags: ['a:1', 'b:2'] }));
  }, async (engine) => {
    expect(await engine.removeImage(id)).toBe('removed');
    expect(calls.filter((call) => call.startsWith('DELETE'))).toEqual([`DELETE /images/${id}`, 'DELETE /images/a:1', 'DELETE /images/b:2']);
    containers = JSON.stringify([{ ImageID: id }]);
    calls.length = 0;
    expect(await engine.removeImage(id)).toBe('in-use');
    expect(calls.filter((call) => call.startsWith('DELETE'))).toHaveLength(1);
  });
});

test.each([
  ['unix:///nowhere/at/all.sock', /does not exist/, /start it/],
  ['tcp://127.0.0.1:1', /no Docker Engine answers/, /start it/],
])('nobody at %s', async (host, message, advice) => {
  const problem = await failureOf(connectEngine({ host }).info());
  expect([problem.reason, problem.message, problem.advice]).toEqual(['engine', expect.stringMatching(message), expect.stringMatching(advice)]);
});
