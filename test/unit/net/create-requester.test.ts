import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Failed } from '../../../src/core/failure.js';
import { createRequester } from '../../../src/net/create-requester.js';
import type { HttpSettings } from '../../../src/net/settings.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(answer: (request: http.IncomingMessage, response: http.ServerResponse) => void): Promise<string> {
  const server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => (server.close(), server.closeAllConnections()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const QUICK: HttpSettings = { backoff: 1, timeouts: { connect: 1000, read: 300 } };
const subject = 'web:1';

async function failure(work: Promise<unknown>): Promise<Failed> {
  const error: unknown = await work.then(() => new Error('it did not fail'), (reason: unknown) => reason);
  if (!(error instanceof Failed)) throw error;
  return error;
}

const received = async (request: http.IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
};

describe('send', () => {
  test('methods, headers, bodies and their lengths', async () => {
    const url = await serve(async (request, response) => {
      const body = await received(request);
      response.writeHead(202, { 'x-seen': `${request.method} ${request.headers['content-length']} ${request.headers['transfer-encoding']} ${request.headers.authorization}` }).end(body);
    });
    const requester = createRequester(QUICK);
    const send = async (method: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET', body?: Buffer | { stream: Readable; length: number }) => {
      const { status, headers, body: answer } = await requester.send(url, { method, subject, authorization: 'Basic x', ...(body === undefined ? {} : { body }) });
      return [status, headers['x-seen'], answer.toString()];
    };
    expect(await send('POST')).toEqual([202, 'POST 0 undefined Basic x', '']);
    expect(await send('DELETE')).toEqual([202, 'DELETE 0 undefined Basic x', '']);
    expect(await send('PUT', Buffer.from('hello'))).toEqual([202, 'PUT 5 undefined Basic x', 'hello']);
    expect(await send('PATCH', { stream: Readable.from(['hel', 'lo'].map((text) => Buffer.from(text))), length: 5 })).toEqual([202, 'PATCH 5 undefined Basic x', 'hello']);
    expect(await send('GET')).toEqual([202, 'GET undefined undefined Basic x', '']);
  });

  test('HEAD has a length and no body', async () => {
    const url = await serve((_, response) => response.writeHead(200, { 'content-length': '1234' }).end());
    expect(await createRequester(QUICK).send(url, { method: 'HEAD', subject })).toMatchObject({ status: 200, headers: { 'content-length': '1234' }, body: Buffer.alloc(0) });
  });

  test.each([301, 400, 401, 404])('%d is an answer', async (status) => {
    const url = await serve((request, response) => void request.resume().on('end', () => response.writeHead(status, status === 301 ? { location: '/x' } : {}).end('why')));
    expect(await createRequester(QUICK).send(url, { method: 'PUT', subject, body: Buffer.from('x') })).toMatchObject({ status, body: Buffer.from('why') });
  });

  test('redirects of GET are followed, without credentials to another origin', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => (seen.push(request.headers.authorization), response.end('there')));
    const url = await serve((request, response) => (seen.push(request.headers.authorization), response.writeHead(307, { location: `${other}/x` }).end()));
    const reply = await createRequester(QUICK).send(url, { method: 'GET', subject, authorization: 'Bearer t' });
    expect([reply.body.toString(), reply.url, seen]).toEqual(['there', `${other}/x`, ['Bearer t', undefined]]);
  });

  test('a server that takes nothing, and one that never answers', async () => {
    const deaf = await serve(() => undefined);
    const requester = createRequester(QUICK);
    const endless = Readable.from((function* () { for (;;) yield Buffer.alloc(1 << 20); })());
    expect((await failure(requester.send(deaf, { method: 'PUT', verb: 'push', subject, body: { stream: endless, length: 2 ** 40 } }))).message).toMatch(/^can't push web:1: .* says nothing for 0.3 s$/);
    expect(endless.destroyed).toBe(true);
    const silent = await serve((request) => request.resume());
    expect((await failure(requester.send(silent, { method: 'PUT', subject, body: Buffer.from('x') }))).message).toContain('says nothing');
  });

  test('a source that is slow is waited for, one that fails is told as it is', async () => {
    const url = await serve(async (request, response) => response.end(await received(request)));
    const requester = createRequester(QUICK);
    const slow = Readable.from((async function* () { await sleep(700); yield Buffer.from('late'); })());
    expect((await requester.send(url, { method: 'PUT', subject, body: { stream: slow, length: 4 } })).body.toString()).toBe('late');
    const failing = Readable.from((async function* () { yield Buffer.from('x'); throw new Error('disk'); })());
    await expect(requester.send(url, { method: 'PUT', subject, body: { stream: failing, length: 4 } })).rejects.toThrow('disk');
  });

  test('offline', async () => {
    expect((await failure(createRequester({ offline: true }).send('https://registry.example.com/', { method: 'GET', subject }))).has('offline')).toBe(true);
  });
});

describe('attempts', () => {
  test('repeat what may pass, and only that', async () => {
    let answers = [503, 429, 200];
    let asked = 0;
    const url = await serve((_, response) => (asked += 1, response.writeHead(answers.shift() ?? 200).end()));
    const requester = createRequester(QUICK);
    const about = { subject, verb: 'push' };
    const send = () => requester.send(url, { method: 'GET', ...about });
    expect((await requester.attempts(about, send)).status).toBe(200);
    expect(asked).toBe(3);
    answers = [500, 500, 500, 500, 500];
    expect((await failure(requester.attempts(about, send))).message).toMatch(/^can't push web:1: .* answers 500$/);
    expect(asked).toBe(7);
    await expect(requester.attempts(about, () => Promise.reject(new Error('bug')))).rejects.toThrow('bug');
  });

  test('progress starts the count anew', async () => {
    let asked = 0;
    const url = await serve((_, response) => response.writeHead((asked += 1) < 8 ? 503 : 200).end());
    const requester = createRequester({ ...QUICK, retries: 1 });
    const reply = await requester.attempts({ subject }, (progressed) => {
      progressed();
      return requester.send(url, { method: 'GET', subject });
    });
    expect(reply.status).toBe(200);
  });
});
