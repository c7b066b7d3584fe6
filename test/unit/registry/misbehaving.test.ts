import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Event } from '../../../src/core/events.js';
import { createRequester } from '../../../src/net/create-requester.js';
import { createRegistryClient } from '../../../src/registry/create-client.js';
import { MEDIA_TYPES } from '../../../src/registry/manifest.js';
import { refuse, startFakeImageRegistry, type FakeImageRegistry } from '../../support/fake-image-registry.js';
import { startRegistryProxy, tokenService } from '../../support/image-registry.js';
import { blobOf, clientWith, problemOf, randomBlob, sha256, tinyImage } from '../../support/registry-client.js';

let registry: FakeImageRegistry;
let repository: string;
beforeEach(async () => {
  registry = await startFakeImageRegistry();
  repository = `${registry.host}/team/web`;
});
afterEach(() => registry.close());

const asked = (method: string): string[] => registry.asked.filter((one) => one.method === method).map(({ url }) => url.replace(/\?.*/, ''));
const BIG = 9 * 1024 * 1024;

describe('uploads', () => {
  test('go on where they broke', async () => {
    const blob = randomBlob(BIG);
    registry.breakAfter = 3_000_000;
    expect(await clientWith().uploadBlob(repository, blob)).toBe('uploaded');
    expect(registry.blobs.get(blob.digest)?.equals(blob.bytes)).toBe(true);
    expect(asked('POST')).toHaveLength(1);
    expect(blob.opened).toHaveLength(2);
    expect(blob.opened[1]).toBeGreaterThanOrEqual(3_000_000);
    const rest = registry.asked.filter(({ method }) => method === 'PATCH')[1];
    expect(rest?.headers).toMatchObject({ 'content-range': `${blob.opened[1]}-${BIG - 1}`, 'content-length': String(BIG - (blob.opened[1] as number)) });
  });

  test('may break more often than there are retries, as long as they get further', async () => {
    const blob = randomBlob(BIG);
    registry.breakAfter = 700_000;
    registry.misbehave = (request) => {
      if (request.method === 'GET' && (request.url ?? '').includes('uploads')) registry.breakAfter ??= 700_000;
      return false;
    };
    expect(await clientWith(undefined, { retries: 1 }).uploadBlob(repository, blob)).toBe('uploaded');
    expect(blob.opened.length).toBeGreaterThan(4);
    expect(registry.blobs.get(blob.digest)?.equals(blob.bytes)).toBe(true);
  });

  test('in one request go on too', async () => {
    const blob = randomBlob(500_000);
    registry.breakAfter = 100_000;
    expect(await clientWith().uploadBlob(repository, blob)).toBe('uploaded');
    expect(registry.blobs.get(blob.digest)?.equals(blob.bytes)).toBe(true);
  });

  test('start anew where the registry forgot them, or does not go on', async () => {
    for (const status of ['GET', 'PATCH']) {
      const blob = randomBlob(BIG);
      let broken = false;
      registry.breakAfter = 3_000_000;
      registry.misbehave = (request, response) => {
        if (request.method === 'GET' && (request.url ?? '').includes('uploads')) broken = true;
        if (!broken || request.method !== status) return false;
        if (status === 'PATCH') broken = false;
        refuse(response, status === 'GET' ? 404 : 416, 'BLOB_UPLOAD_INVALID');
        return true;
      };
      expect(await clientWith().uploadBlob(repository, blob)).toBe('uploaded');
      expect(blob.opened.at(-1)).toBe(0);
    }
  });

  test('to another address carry no credentials', async () => {
    const other = await startFakeImageRegistry();
    other.misbehave = (request, response) => {
      request.resume().on('end', () => response.writeHead(201).end());
      return true;
    };
    registry.misbehave = (request, response) => {
      if (request.url === '/v2/' || request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else if (request.method === 'POST') response.writeHead(202, { location: `http://${other.host}/elsewhere?signature=x` }).end();
      else return false;
      return true;
    };
    await clientWith({ kind: 'password', username: 'u', password: 'p' }).uploadBlob(repository, randomBlob(10));
    expect(other.asked).toHaveLength(1);
    expect(other.asked[0]?.url).toMatch(/^\/elsewhere\?signature=x&digest=sha256%3A/);
    expect(other.asked[0]?.headers.authorization).toBeUndefined();
    await other.close();
  });

  test('of bytes that are not what they are said to be', async () => {
    const blob = randomBlob(100);
    const other = { ...blob, open: () => Readable.from([Buffer.alloc(100)], { objectMode: false }) };
    expect(await problemOf(clientWith().uploadBlob(repository, other))).toMatchObject({ reason: 'integrity' });
    const shorter = { ...blob, open: () => Readable.from([Buffer.alloc(50)], { objectMode: false }) };
    await expect(clientWith().uploadBlob(repository, shorter)).rejects.toThrow('a blob of 100 bytes gave 50');
  });

  test('stored under another digest', async () => {
    registry.misbehave = (request, response) => {
      if (request.method !== 'PUT') return false;
      request.resume().on('end', () => response.writeHead(201, { 'docker-content-digest': sha256(Buffer.from('x')) }).end());
      return true;
    };
    expect(await problemOf(clientWith().uploadBlob(repository, randomBlob(10)))).toMatchObject({ reason: 'integrity' });
  });

  test('without a location, or with one that is not safe', async () => {
    for (const location of [undefined, 'ftp://x/', 'http://[']) {
      registry.misbehave = (request, response) => {
        if (request.method !== 'POST') return false;
        response.writeHead(202, location === undefined ? {} : { location }).end();
        return true;
      };
      expect(await problemOf(clientWith().uploadBlob(repository, randomBlob(10)))).toMatchObject({ reason: 'registry' });
    }
  });
});

describe('retries', () => {
  test('429 with Retry-After is waited for, and told', async () => {
    let left = 2;
    registry.misbehave = (request, response) => {
      if (request.url === '/v2/' || (left -= 1) < 0) return false;
      response.writeHead(429, { 'retry-after': '0' }).end();
      return true;
    };
    const events: Event[] = [];
    const requester = createRequester({ backoff: 60_000, emit: (event) => events.push(event) });
    const client = createRegistryClient({ requester, credentials: async () => undefined, insecure: [], now: () => 0 });
    expect(await client.hasBlob(repository, randomBlob(1).digest)).toBe(false);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({ type: 'step', message: expect.stringContaining('answers 429') });
  });

  test.each([
    ['503 for ever', (_: unknown, response: import('node:http').ServerResponse) => response.writeHead(503).end(), /answers 503/],
    ['a connection that is always dropped', (request: import('node:http').IncomingMessage) => request.socket.destroy(), /closes the connection/],
  ])('%s', async (_, answer, message) => {
    registry.misbehave = (request, response) => (answer(request, response), true);
    const problem = await problemOf(clientWith(undefined, { retries: 2 }).checkPush(repository));
    expect(problem).toMatchObject({ reason: 'registry', message: expect.stringMatching(message) });
    expect(problem.message).toContain(`can't push ${repository}`);
  });

  test('interrupted', async () => {
    const controller = new AbortController();
    registry.misbehave = () => (controller.abort(), true);
    const client = createRegistryClient({ requester: createRequester({ backoff: 1 }), credentials: async () => undefined, insecure: [], now: () => 0, signal: controller.signal });
    expect(await problemOf(client.checkPush(repository))).toMatchObject({ reason: 'interrupted' });
  });
});

describe('answers that are wrong', () => {
  const MANIFEST = tinyImage('x').manifest;

  test('a manifest of another digest than its header says, or than was asked for', async () => {
    registry.misbehave = (request, response) => {
      if (!(request.url ?? '').includes('manifests')) return false;
      response.writeHead(200, { 'content-type': MEDIA_TYPES.ociManifest, 'content-length': MANIFEST.bytes.length, 'docker-content-digest': sha256(Buffer.from('other')) }).end(request.method === 'HEAD' ? undefined : MANIFEST.bytes);
      return true;
    };
    expect(await problemOf(clientWith().getManifest(repository, 'v1'))).toMatchObject({ reason: 'integrity' });
    expect(await problemOf(clientWith().headManifest(repository, sha256(MANIFEST.bytes)))).toMatchObject({ reason: 'integrity' });
  });

  test('HEAD without a digest asks for the manifest itself', async () => {
    registry.misbehave = (request, response) => {
      if (!(request.url ?? '').includes('manifests')) return false;
      response.writeHead(200, { 'content-type': MEDIA_TYPES.ociManifest }).end(request.method === 'HEAD' ? undefined : MANIFEST.bytes);
      return true;
    };
    expect(await clientWith().headManifest(repository, 'v1')).toMatchObject({ digest: sha256(MANIFEST.bytes), size: MANIFEST.bytes.length });
  });

  test('a blob that is another', async () => {
    const blob = blobOf(Buffer.from('asked for'));
    registry.blobs.set(blob.digest, Buffer.from('something else'));
    expect(await problemOf(clientWith().getBlob(repository, blob.digest, 100))).toMatchObject({ reason: 'integrity' });
    expect(await problemOf(clientWith().getBlob(repository, blob.digest, 5))).toMatchObject({ reason: 'registry', message: expect.stringContaining('bigger than 5 bytes') });
  });

  test('something else than a registry', async () => {
    registry.misbehave = (_, response) => (response.writeHead(404).end('<html>'), true);
    expect(await problemOf(clientWith().checkPush(repository))).toMatchObject({ reason: 'registry', message: expect.stringContaining('is no container registry') });
  });

  test('tags over several pages, and pages of another origin', async () => {
    registry.misbehave = (request, response) => {
      const url = new URL(request.url as string, 'http://host');
      if (!url.pathname.endsWith('/tags/list')) return false;
      const last = Number(url.searchParams.get('last') ?? '0');
      const link = last < 2 ? `</v2/team/web/tags/list?n=1&last=${last + 1}>; rel="next"` : '<http://elsewhere.example.com/v2/x>; rel="next"';
      response.writeHead(200, { link }).end(JSON.stringify({ name: 'team/web', tags: [`v${last}`] }));
      return true;
    };
    expect(await clientWith().listTags(repository)).toEqual(['v0', 'v1', 'v2']);
  });

  test.each([
    [403, 'DENIED', 'registry', 'denies it: because'],
    [404, 'NAME_UNKNOWN', 'not-found', 'has no such repository'],
    [400, 'NAME_INVALID', 'registry', 'does not allow this name'],
    [405, 'UNSUPPORTED', 'unsupported', 'does not support it'],
    [413, 'X', 'registry', 'too large'],
    [418, 'TEAPOT', 'registry', 'answers 418 TEAPOT: because'],
  ])('%d %s', async (status, code, reason, message) => {
    registry.misbehave = (request, response) => (request.method === 'POST' ? (refuse(response, status, code), true) : false);
    expect(await problemOf(clientWith().checkPush(repository))).toMatchObject({ reason, message: expect.stringContaining(message) });
  });
});

describe('certificates', () => {
  let dir: string;
  let server: https.Server;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'wheelwright-tls-'));
    const names = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2', ...names], { cwd: dir, stdio: 'pipe' });
    server = https.createServer({ key: readFileSync(join(dir, 'key.pem')), cert: readFileSync(join(dir, 'cert.pem')) }, (request, response) => {
      response.writeHead(request.url === '/v2/' ? 200 : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
    rmSync(dir, { recursive: true });
  });

  test('of an authority of our own, and of one that is not known', async () => {
    const secure = `127.0.0.1:${(server.address() as AddressInfo).port}/team/web`;
    expect(await clientWith(undefined, { ca: join(dir, 'cert.pem') }).headManifest(secure, 'v1')).toBeUndefined();
    const problem = await problemOf(clientWith(undefined, { retries: 0 }).headManifest(secure, 'v1'));
    expect(problem).toMatchObject({ reason: 'registry', message: expect.stringContaining('certificate that is not trusted'), advice: expect.stringContaining('network.ca') });
  });
});

describe('token services', () => {
  const LOGIN = { kind: 'password', username: 'dev', password: 'secret:with:colons' } as const;

  test.each([
    ['https://', 'is not a URL'],
    ['http://tokens.example.com/x', 'not safe: http://tokens.example.com'],
    ['file:///etc/passwd', 'not safe: file://'],
  ])('at %s', async (realm, message) => {
    registry.misbehave = (_, response) => (response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="x"` }).end(), true);
    expect(await problemOf(clientWith(LOGIN).hasBlob(repository, randomBlob(1).digest))).toMatchObject({ reason: 'registry', message: expect.stringContaining(message) });
  });

  test('that give no token, or one that is none', async () => {
    for (const body of ['', 'null', '{"token":""}', '{"token":"a\\r\\nx: y"}']) {
      registry.misbehave = (request, response) => {
        if (request.url?.startsWith('/token') === true) response.end(body);
        else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end();
        return true;
      };
      expect(await problemOf(clientWith(LOGIN).hasBlob(repository, randomBlob(1).digest))).toMatchObject({ message: expect.stringContaining('without a token') });
    }
  });

  test('that refuse the credentials', async () => {
    const proxy = await startRegistryProxy(registry.host, tokenService().interfere);
    const problem = await problemOf(clientWith({ ...LOGIN, password: 'wrong' }).checkPush(`${proxy.host}/team/web`));
    expect(problem).toMatchObject({ reason: 'registry', message: expect.stringContaining('does not accept the credentials') });
    await proxy.close();
  });

  test('a token is renewed before its end', async () => {
    const tokens = tokenService();
    const proxy = await startRegistryProxy(registry.host, tokens.interfere);
    let now = 0;
    const client = createRegistryClient({ requester: createRequester(), credentials: async () => LOGIN, insecure: [], now: () => now });
    const digest = randomBlob(1).digest;
    for (const time of [0, 200_000, 280_000, 300_000]) {
      now = time;
      await client.hasBlob(`${proxy.host}/team/web`, digest);
    }
    expect(tokens.given).toHaveLength(2);
    await proxy.close();
  });
});
