import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RegistryClient } from '../../../src/registry/client.js';
import type { Credentials } from '../../../src/registry/credentials.js';
import { PASSWORD, startImageRegistry, startRegistryProxy, tokenService, USER, type ImageRegistry } from '../../support/image-registry.js';
import { inTemporaryFolder } from '../../support/temporary.js';
import { clientWith, problemOf, randomBlob, sha256, tinyImage } from '../../support/registry-client.js';

const LOGIN: Credentials = { kind: 'password', username: USER, password: PASSWORD };
const run = promisify(execFile);

/** One suite for each way that registries want to be spoken to. */
const WAYS: Readonly<Record<string, () => Promise<Way>>> = {
  'without authentication': async () => wayOf(await startImageRegistry()),
  'with passwords, relative locations': async () => wayOf(await startImageRegistry({ password: true, relative: true }), LOGIN),
  'with tokens': async () => withTokens(LOGIN),
  'with tokens by refresh token': async () => withTokens({ kind: 'identity-token', token: 'the refresh token' }),
};

interface Way {
  readonly host: string;
  readonly client: RegistryClient;
  close(): Promise<void>;
}

function wayOf(registry: ImageRegistry, credentials?: Credentials): Way {
  return { host: registry.host, client: clientWith(credentials), close: () => registry.close() };
}

async function withTokens(credentials: Credentials): Promise<Way> {
  const registry = await startImageRegistry();
  const proxy = await startRegistryProxy(registry.host, tokenService().interfere);
  return {
    ...wayOf(proxy, credentials),
    close: async () => {
      await proxy.close();
      await registry.close();
    },
  };
}

describe.each(Object.keys(WAYS))('a registry %s', (name) => {
  let way: Way;
  let client: RegistryClient;
  let team: string;
  beforeAll(async () => {
    way = await (WAYS[name] as () => Promise<Way>)();
    client = way.client;
    team = `${way.host}/team`;
  });
  afterAll(() => way.close());

  test('takes a blob once, long ones too', async () => {
    for (const size of [0, 1, 70_000, 8 * 1024 * 1024 + 1]) {
      const blob = randomBlob(size);
      expect(await client.hasBlob(`${team}/blobs`, blob.digest)).toBe(false);
      expect(await client.uploadBlob(`${team}/blobs`, blob)).toBe('uploaded');
      expect(await client.uploadBlob(`${team}/blobs`, blob)).toBe('present');
      expect(blob.opened).toEqual([0]);
      expect((await client.getBlob(`${team}/blobs`, blob.digest, 1 << 24))?.equals(blob.bytes)).toBe(true);
    }
  });

  test('takes a blob over from another repository', async () => {
    const blob = randomBlob(1000);
    await client.uploadBlob(`${team}/one`, blob);
    expect(await client.mountBlob(`${team}/two`, blob.digest, `${team}/one`)).toBe(true);
    expect(await client.hasBlob(`${team}/two`, blob.digest)).toBe(true);
    expect(await client.uploadBlob(`${team}/three`, blob, { mountFrom: `${team}/one` })).toBe('mounted');
    expect(blob.opened).toEqual([0]);
  });

  test('is sent what can not be taken over', async () => {
    const blob = randomBlob(1000);
    expect(await client.mountBlob(`${team}/two`, blob.digest, `${team}/none`)).toBe(false);
    expect(await client.mountBlob(`${team}/two`, blob.digest, 'another.example.com/team/one')).toBe(false);
    expect(await client.uploadBlob(`${team}/two`, blob, { mountFrom: `${team}/none` })).toBe('uploaded');
  });

  test('an image, its tags, and its end', async () => {
    const repository = `${team}/deeper/web`;
    expect(await client.headManifest(repository, 'v1')).toBeUndefined();
    expect(await client.getManifest(repository, 'v1')).toBeUndefined();
    expect(await client.listTags(repository)).toBeUndefined();
    await client.checkPush(repository);
    const { blobs, manifest } = tinyImage(name);
    expect((await problemOf(client.putManifest(repository, 'v1', manifest))).message).toContain('lacks a layer');
    for (const blob of blobs) await client.uploadBlob(repository, blob);
    const put = await client.putManifest(repository, 'v1', manifest);
    expect(put).toEqual({ mediaType: manifest.mediaType, digest: sha256(manifest.bytes), size: manifest.bytes.length });
    expect(await client.headManifest(repository, 'v1')).toEqual(put);
    const got = await client.getManifest(repository, 'v1');
    expect(got).toMatchObject({ ...put, content: { kind: 'image', config: { digest: blobs[0]?.digest }, layers: [{ digest: blobs[1]?.digest }] } });
    await client.putManifest(repository, 'main', got!);
    expect(await client.headManifest(repository, put.digest)).toEqual(put);
    expect([...(await client.listTags(repository))!].sort()).toEqual(['main', 'v1']);
    if (name.includes('tokens')) return;
    expect(await client.deleteManifest(repository, put.digest)).toBe(true);
    expect(await client.deleteManifest(repository, put.digest)).toBe(false);
    expect(await client.headManifest(repository, 'main')).toBeUndefined();
  });

  test('reads what skopeo wrote, and skopeo reads what we wrote', () =>
    inTemporaryFolder(async (dir) => {
      const repository = `${team}/exchange`;
      const { blobs, manifest } = tinyImage('exchange');
      for (const blob of blobs) await client.uploadBlob(repository, blob);
      await client.putManifest(repository, 'ours', manifest);
      const login = name === 'without authentication' ? [] : ['--creds', `${USER}:${PASSWORD}`];
      const skopeo = (args: readonly string[]) => run('skopeo', [...args], { env: { PATH: process.env['PATH'], HOME: dir } });
      await writeFile(join(dir, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
      const { stdout } = await skopeo(['inspect', '--raw', '--tls-verify=false', ...login, `docker://${repository}:ours`]);
      expect(stdout).toBe(manifest.bytes.toString());
      for (const format of ['v2s2', 'oci']) {
        const credentials = login.length === 0 ? [] : ['--src-creds', login[1] as string, '--dest-creds', login[1] as string];
        const both = ['--src-tls-verify=false', '--dest-tls-verify=false', ...credentials, `docker://${repository}:ours`, `docker://${repository}:${format}`];
        await skopeo(['--policy', join(dir, 'policy.json'), 'copy', '-q', '--format', format, ...both]);
        const read = await client.getManifest(repository, format);
        expect(read?.content).toMatchObject({ kind: 'image', config: { digest: blobs[0]?.digest }, layers: [{ digest: blobs[1]?.digest, size: blobs[1]?.size }] });
      }
    }));

  test('two clients may send the same blob at once', async () => {
    const blob = randomBlob(300_000);
    const results = await Promise.all([client.uploadBlob(`${team}/race`, blob), client.uploadBlob(`${team}/race`, blob)]);
    expect(results.every((result) => result === 'uploaded' || result === 'present')).toBe(true);
  });
});

describe('refusals', () => {
  test('without and with wrong credentials', async () => {
    const registry = await startImageRegistry({ password: true });
    try {
      const blob = randomBlob(10);
      const anonymous = await problemOf(clientWith().uploadBlob(`${registry.host}/team/web`, blob));
      expect(anonymous).toMatchObject({ reason: 'registry', message: expect.stringContaining(`${registry.host} asks for credentials`), advice: expect.stringContaining(`docker login ${registry.host}`) });
      const wrong = await problemOf(clientWith({ ...LOGIN, password: 'wrong!' } as Credentials).checkPush(`${registry.host}/team/web`));
      expect(wrong).toMatchObject({ reason: 'registry', message: expect.stringContaining('does not accept the credentials') });
      expect(JSON.stringify(wrong)).not.toContain('wrong!');
    } finally {
      await registry.close();
    }
  });

  test('tokens that allow less, and tokens that expire', async () => {
    const registry = await startImageRegistry();
    const tokens = tokenService();
    const proxy = await startRegistryProxy(registry.host, tokens.interfere);
    try {
      const repository = `${proxy.host}/team/web`;
      expect(await clientWith().headManifest(repository, 'v1')).toBeUndefined();
      expect(await problemOf(clientWith().checkPush(repository))).toMatchObject({ reason: 'registry', message: expect.stringContaining('asks for credentials') });
      const client = clientWith(LOGIN);
      await client.checkPush(repository);
      const before = tokens.given.length;
      await client.uploadBlob(repository, randomBlob(10));
      expect(tokens.given.slice(before).map(({ scopes }) => scopes)).toEqual([['repository:team/web:pull']]);
      for (const { token } of tokens.given) tokens.expired.add(token);
      expect(await client.uploadBlob(repository, randomBlob(9_000_000))).toBe('uploaded');
      await Promise.all(['a', 'b', 'c'].map((tag) => client.headManifest(repository, tag)));
      // One for pulling and one for pushing, however many asked.
      expect(tokens.given.slice(before + 1)).toHaveLength(2);
    } finally {
      await proxy.close();
      await registry.close();
    }
  });

  test('a broken upload of a real registry is finished', async () => {
    const registry = await startImageRegistry();
    let left = 2;
    const proxy = await startRegistryProxy(registry.host, (request) => {
      if (request.method === 'PATCH' && left > 0) {
        let seen = 0;
        request.on('data', (chunk: Buffer) => {
          seen += chunk.length;
          if (seen > 3_000_000) request.socket.destroy();
        });
        left -= 1;
      }
      return false;
    });
    try {
      const blob = randomBlob(9_000_000);
      expect(await clientWith().uploadBlob(`${proxy.host}/team/web`, blob)).toBe('uploaded');
      expect((await clientWith().getBlob(`${registry.host}/team/web`, blob.digest, 1 << 24))?.equals(blob.bytes)).toBe(true);
      expect(proxy.requests.filter((line) => line.startsWith('PATCH'))).toHaveLength(3);
    } finally {
      await proxy.close();
      await registry.close();
    }
  });
});
