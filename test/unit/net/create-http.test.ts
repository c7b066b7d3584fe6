import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { buffer } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, afterAll, describe, expect, test } from '@jest/globals';
import type { Event } from '../../../src/core/events.js';
import { Failed } from '../../../src/core/failure.js';
import { createHttp } from '../../../src/net/create-http.js';
import type { HttpSettings } from '../../../src/net/settings.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Served {
  readonly url: string;
  readonly requests: http.IncomingMessage[];
}

/** A server on loopback; `answer` gets the number of the request, from 0. */
async function serve(answer: (request: http.IncomingMessage, response: http.ServerResponse, n: number) => void, tls?: https.ServerOptions): Promise<Served> {
  const requests: http.IncomingMessage[] = [];
  const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => answer(request, response, requests.push(request) - 1);
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  return { url: await listen(server, tls === undefined ? 'http' : 'https'), requests };
}

async function listen(server: net.Server, scheme: string): Promise<string> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const QUICK: HttpSettings = { backoff: 1, timeouts: { connect: 1000, read: 150 } };
const subject = 'flask 3.1.0';

async function failure(work: Promise<unknown>): Promise<Failed> {
  const error: unknown = await work.then(() => new Error('it did not fail'), (reason: unknown) => reason);
  if (!(error instanceof Failed)) throw error;
  return error;
}

describe('get', () => {
  test('gives status, headers, body and the final address', async () => {
    const { url, requests } = await serve((_, response) => response.setHeader('ETag', '"1"').end('hello'));
    const answer = await createHttp({ ...QUICK, userAgent: 'test/1' }).get(`${url}/simple/`, { subject, headers: { Accept: 'text/html' } });
    expect(answer).toMatchObject({ status: 200, url: `${url}/simple/`, headers: { etag: '"1"' } });
    expect(answer.body.toString()).toBe('hello');
    expect(requests[0]?.headers).toMatchObject({ accept: 'text/html', 'user-agent': 'test/1' });
  });

  test('unpacks gzip', async () => {
    const { url } = await serve((_, response) => response.setHeader('Content-Encoding', 'gzip').end(gzipSync('hello')));
    expect((await createHttp(QUICK).get(url, { subject })).body.toString()).toBe('hello');
  });

  test('304 is an answer', async () => {
    const { url } = await serve((_, response) => response.writeHead(304).end());
    expect((await createHttp(QUICK).get(url, { subject, headers: { 'if-none-match': '"1"' } })).status).toBe(304);
  });

  test('tries again after 500 and after a connection that was dropped, and says so', async () => {
    const { url } = await serve((request, response, n) => (n === 0 ? response.writeHead(500).end() : n === 1 ? request.socket.destroy() : response.end('ok')));
    const events: Event[] = [];
    const answer = await createHttp({ ...QUICK, emit: (event) => events.push(event) }).get(url, { subject });
    expect(answer.body.toString()).toBe('ok');
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({ type: 'step', subject, message: expect.stringContaining('answers 500') });
  });

  test('obeys Retry-After in seconds and as a date, but not for ever', async () => {
    const { url } = await serve((request, response, n) => {
      if (request.url === '/long') response.writeHead(429, { 'retry-after': '3600' }).end();
      else if (n === 0) response.writeHead(429, { 'retry-after': '0' }).end();
      else if (n === 1) response.writeHead(503, { 'retry-after': 'Thu, 01 Jan 1970 00:00:10 GMT', date: 'Thu, 01 Jan 1970 00:00:10 GMT' }).end();
      else response.end('ok');
    });
    // A first pause of an hour: only an obeyed Retry-After can end this in time.
    const client = createHttp({ ...QUICK, backoff: 3_600_000 });
    expect((await client.get(url, { subject })).body.toString()).toBe('ok');
    const error = await failure(client.get(`${url}/long`, { subject }));
    expect(error.problems[0]).toMatchObject({ reason: 'registry', message: expect.stringContaining('429') });
  });

  test('gives up after the last attempt, with status and host', async () => {
    const { url, requests } = await serve((_, response) => response.writeHead(502).end());
    const error = await failure(createHttp({ ...QUICK, retries: 2 }).get(url, { subject }));
    expect(requests).toHaveLength(3);
    expect(error.problems[0]).toMatchObject({ reason: 'registry', message: `can't fetch flask 3.1.0: ${new URL(url).host} answers 502` });
  });

  test.each([[404, 'not-found'], [410, 'not-found'], [401, 'registry'], [403, 'registry'], [400, 'registry']])('%i is %s, at once', async (status, reason) => {
    const { url, requests } = await serve((_, response) => response.writeHead(status).end());
    const error = await failure(createHttp(QUICK).get(`${url}/flask?token=secret`, { subject }));
    expect(requests).toHaveLength(1);
    expect(error.problems[0]?.reason).toBe(reason);
    expect(error.message).toContain(subject);
    expect(error.message).not.toContain('secret');
    if (status === 401) expect(error.problems[0]?.advice).toContain('credentials');
  });

  test('garbage instead of HTTP', async () => {
    const url = await listen(net.createServer((socket) => void socket.end('SSH-2.0-OpenSSH\r\n')), 'http');
    const error = await failure(createHttp(QUICK).get(url, { subject }));
    expect(error.problems[0]).toMatchObject({ reason: 'registry', message: expect.stringContaining('not HTTP') });
  });

  test('half a body, each time', async () => {
    const { url, requests } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const error = await failure(createHttp({ ...QUICK, retries: 1 }).get(url, { subject }));
    expect(requests).toHaveLength(2);
    expect(error.message).toContain('before the end');
  });

  test('half a gzip body', async () => {
    const { url } = await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('hello hello hello').subarray(0, 15)));
    expect((await failure(createHttp({ ...QUICK, retries: 1 }).get(url, { subject }))).has('registry')).toBe(true);
  });

  test('silence before the headers, and within the body', async () => {
    const { url } = await serve((request, response) => {
      if (request.url === '/body') response.writeHead(200, { 'content-length': '10' }).write('half');
    });
    const client = createHttp(QUICK);
    for (const path of ['/', '/body']) {
      const error = await failure(client.get(url + path, { subject }));
      expect(error.problems[0]).toMatchObject({ reason: 'registry', message: expect.stringContaining('says nothing') });
    }
  });

  test('a body above the limit', async () => {
    const { url } = await serve((_, response) => response.end(Buffer.alloc(2000)));
    expect((await failure(createHttp(QUICK).get(url, { subject, limit: 1000 }))).message).toContain('bigger than 1000');
  });

  test('nobody listens; no such host', async () => {
    const { url } = await serve(() => undefined);
    closers.pop()?.();
    expect((await failure(createHttp({ ...QUICK, retries: 0 }).get(url, { subject }))).message).toContain('refuses the connection');
    expect((await failure(createHttp({ ...QUICK, retries: 0 }).get('http://no-such-host.invalid/', { subject }))).message).toMatch(/no-such-host\.invalid .*DNS/);
  });

  test('can be interrupted while it waits', async () => {
    const { url } = await serve((_, response) => response.writeHead(503).end());
    const abort = new AbortController();
    const client = createHttp({ ...QUICK, backoff: 60_000, emit: () => abort.abort() });
    expect((await failure(client.get(url, { subject, signal: abort.signal }))).has('interrupted')).toBe(true);
  });

  test('can be interrupted while the other side is silent', async () => {
    const abort = new AbortController();
    const { url } = await serve(() => abort.abort());
    const client = createHttp({ ...QUICK, timeouts: { read: 60_000 } });
    expect((await failure(client.get(url, { subject, signal: abort.signal }))).has('interrupted')).toBe(true);
  });

  test('offline names the subject and opens no connection', async () => {
    const { url, requests } = await serve((_, response) => response.end());
    const error = await failure(createHttp({ offline: true }).get(url, { subject }));
    expect(error.problems[0]).toMatchObject({ reason: 'offline', message: expect.stringContaining(subject), advice: expect.any(String) });
    expect(requests).toHaveLength(0);
  });

  test('keeps to its number of requests at once', async () => {
    let now = 0;
    let most = 0;
    const { url } = await serve((_, response) => {
      most = Math.max(most, (now += 1));
      setTimeout(() => {
        now -= 1;
        response.end('ok');
      }, 5);
    });
    const client = createHttp({ ...QUICK, concurrency: 3 });
    await Promise.all(Array.from({ length: 20 }, () => client.get(url, { subject })));
    expect(most).toBe(3);
  });
});

describe('stream', () => {
  const whole = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));

  test('leaves encoded files as they are', async () => {
    const { url } = await serve((_, response) => response.setHeader('Content-Encoding', 'gzip').end(gzipSync('sdist')));
    expect(await buffer(await createHttp(QUICK).stream(url, { subject }))).toEqual(gzipSync('sdist'));
  });

  test('goes on by range where the connection broke', async () => {
    const { url, requests } = await serve((request, response) => {
      const start = Number(/bytes=([0-9]+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const end = Math.min(start + 100_000, whole.length);
      response.writeHead(start === 0 ? 200 : 206, {
        etag: '"1"', 'content-length': whole.length - start,
        ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` }),
      });
      response.write(whole.subarray(start, end), () => (end === whole.length ? response.end() : response.destroy()));
    });
    expect((await buffer(await createHttp(QUICK).stream(url, { subject }))).equals(whole)).toBe(true);
    expect(requests.length).toBeGreaterThan(1);
  });

  test('goes on from the start where ranges are not understood', async () => {
    const { url } = await serve((_, response, n) => {
      response.writeHead(200, { 'content-length': whole.length });
      if (n === 0) response.write(whole.subarray(0, 100_000), () => response.destroy());
      else response.end(whole);
    });
    expect((await buffer(await createHttp(QUICK).stream(url, { subject }))).equals(whole)).toBe(true);
  });

  test('never mixes two files', async () => {
    const { url } = await serve((_, response, n) => {
      response.writeHead(200, { 'content-length': whole.length, etag: `"${n}"` });
      response.write(whole.subarray(0, 100_000), () => response.destroy());
    });
    const error = await failure(createHttp(QUICK).stream(url, { subject }).then(buffer));
    expect(error.message).toContain('another file');
  });

  test('fails by its error when the other side falls silent', async () => {
    const { url } = await serve((_, response) => void response.writeHead(200, { 'content-length': 10 }).write('half'));
    expect((await failure(createHttp({ ...QUICK, retries: 0 }).stream(url, { subject }).then(buffer))).message).toContain('says nothing');
  });

  test('a stream that is given back unread frees its place', async () => {
    const { url } = await serve((_, response) => response.end('x'));
    const client = createHttp({ ...QUICK, concurrency: 1 });
    (await client.stream(url, { subject })).destroy();
    expect((await client.get(url, { subject })).status).toBe(200);
  });

  test('404 before anything', async () => {
    const { url } = await serve((_, response) => response.writeHead(404).end());
    expect((await failure(createHttp(QUICK).stream(url, { subject }))).has('not-found')).toBe(true);
  });
});

describe('redirects and credentials', () => {
  test('credentials of the URL go to its origin only, and into no message', async () => {
    const other = await serve((_, response) => response.writeHead(404).end());
    const { url, requests } = await serve((request, response) =>
      request.url === '/a' ? response.writeHead(302, { location: '/b' }).end() : response.writeHead(307, { location: `${other.url}/c` }).end());
    const error = await failure(createHttp(QUICK).get(`${url.replace('//', '//us%40er:hunter2@')}/a`, { subject, headers: { Cookie: 'c=1', 'X-JFrog-Art-Api-Key': 'k' } }));
    const basic = `Basic ${Buffer.from('us@er:hunter2').toString('base64')}`;
    expect(requests.map((request) => request.headers.authorization)).toEqual([basic, basic]);
    expect(other.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(other.requests[0]?.headers).not.toHaveProperty('cookie');
    expect(other.requests[0]?.headers).not.toHaveProperty('x-jfrog-art-api-key');
    expect(JSON.stringify(error.problems)).not.toContain('hunter2');
  });

  test('a redirect may not carry credentials of its own', async () => {
    const other = await serve((_, response) => response.end('ok'));
    const { url } = await serve((_, response) => response.writeHead(302, { location: other.url.replace('//', '//evil:evil@') }).end());
    const answer = await createHttp(QUICK).get(url, { subject, authorization: 'Bearer t' });
    expect(answer.url).not.toContain('evil');
    expect(other.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test('circles end', async () => {
    const { url, requests } = await serve((_, response) => response.writeHead(301, { location: '/again' }).end());
    expect((await failure(createHttp(QUICK).get(url, { subject }))).message).toContain('circles');
    expect(requests).toHaveLength(11);
  });

  test.each(['ftp://x/', 'file:///etc/passwd', 'http://[bad'])('no redirect to %s', async (location) => {
    const { url } = await serve((_, response) => response.writeHead(301, { location }).end());
    expect((await failure(createHttp(QUICK).get(url, { subject }))).has('registry')).toBe(true);
  });
});

describe('file: URLs', () => {
  test('are read, also offline; a missing one is not-found', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'wheelwright-net-'));
    closers.push(() => rmSync(dir, { recursive: true }));
    writeFileSync(join(dir, 'a b.whl'), 'wheel');
    const client = createHttp({ offline: true });
    const url = pathToFileURL(join(dir, 'a b.whl')).href;
    expect((await client.get(url, { subject })).body.toString()).toBe('wheel');
    expect((await buffer(await client.stream(url, { subject }))).toString()).toBe('wheel');
    expect((await failure(client.get(`${url}x`, { subject }))).has('not-found')).toBe(true);
    expect((await failure(client.get('file://host/share/x', { subject }))).has('not-found')).toBe(true);
  });
});

describe('a private certificate authority', () => {
  let dir: string;
  let tls: https.ServerOptions;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'wheelwright-ca-'));
    const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Test CA', '-days', '2');
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server');
    writeFileSync(join(dir, 'ext'), 'subjectAltName=IP:127.0.0.1');
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'server.pem', '-days', '2', '-extfile', 'ext');
    tls = { key: readFileSync(join(dir, 'server.key')), cert: readFileSync(join(dir, 'server.pem')) };
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  test('is trusted when it is named, and only then', async () => {
    const { url } = await serve((_, response) => response.end('secure'), tls);
    expect((await createHttp({ ...QUICK, ca: join(dir, 'ca.pem') }).get(url, { subject })).body.toString()).toBe('secure');
    const error = await failure(createHttp(QUICK).get(url, { subject }));
    expect(error.problems[0]).toMatchObject({ reason: 'registry', advice: expect.stringContaining('network.ca') });
  });

  test("is trusted when it is in the user's extra bundle, beside the project's own", async () => {
    const { url } = await serve((_, response) => response.end('secure'), tls);
    const get = async (settings: object) => (await createHttp({ ...QUICK, ...settings }).get(url, { subject })).body.toString();
    writeFileSync(join(dir, 'others.pem'), rootCertificates.slice(0, 2).join('\n'));
    expect(await get({ extraCa: join(dir, 'ca.pem') })).toBe('secure');
    expect(await get({ extraCa: join(dir, 'ca.pem'), ca: join(dir, 'others.pem') })).toBe('secure');
    expect(await get({ extraCa: join(dir, 'others.pem'), ca: join(dir, 'ca.pem') })).toBe('secure');
    // As Node does with NODE_EXTRA_CA_CERTS.
    expect(await get({ extraCa: join(dir, 'absent.pem'), ca: join(dir, 'ca.pem') })).toBe('secure');
  });

  test('a bundle that is not there or holds nothing is a config problem', async () => {
    writeFileSync(join(dir, 'empty.pem'), 'nothing');
    for (const name of ['absent.pem', 'empty.pem']) {
      expect((await failure(createHttp({ ...QUICK, ca: join(dir, name) }).get('https://127.0.0.1:1/', { subject }))).has('config')).toBe(true);
    }
  });

  test('no way down from https to http', async () => {
    const plain = await serve((_, response) => response.end('x'));
    const { url } = await serve((_, response) => response.writeHead(302, { location: plain.url }).end(), tls);
    expect((await failure(createHttp({ ...QUICK, ca: join(dir, 'ca.pem') }).get(url, { subject }))).message).toContain('not safe');
    expect(plain.requests).toHaveLength(0);
  });

  test('through a proxy: CONNECT for https, whole URLs for http, neither for noProxy', async () => {
    const seen: string[] = [];
    const secure = await serve((_, response) => response.end('secure'), tls);
    const plain = await serve((_, response) => response.end('plain'));
    const proxyServer = http.createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
      http.get(request.url as string, (answer) => answer.pipe(response));
    });
    proxyServer.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
      seen.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
      const [host, port] = (request.url as string).split(':');
      const upstream = net.connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [upstream, socket]) end.on('error', () => undefined);
    });
    const proxy = (await listen(proxyServer, 'http')).replace('//', '//pat:word@');
    const basic = `Basic ${Buffer.from('pat:word').toString('base64')}`;
    const settings = { ...QUICK, ca: join(dir, 'ca.pem'), proxy };
    const client = createHttp(settings);
    expect((await client.get(secure.url, { subject })).body.toString()).toBe('secure');
    expect((await client.get(`${plain.url}/x`, { subject })).body.toString()).toBe('plain');
    expect(seen).toEqual([`CONNECT ${new URL(secure.url).host} ${basic}`, `GET ${plain.url}/x ${basic}`]);
    const direct = createHttp({ ...settings, noProxy: ['127.0.0.1'] });
    await direct.get(secure.url, { subject });
    await direct.get(plain.url, { subject });
    expect(seen).toHaveLength(2);
  });

  test('a proxy that accepts and says nothing', async () => {
    const proxy = await listen(net.createServer(), 'http');
    const error = await failure(createHttp({ ...QUICK, timeouts: { connect: 100, read: 100 }, retries: 0, proxy }).get('https://registry.invalid/', { subject }));
    expect(error.message).toContain('says nothing');
    expect(error.message).not.toContain('pat');
  });
});
