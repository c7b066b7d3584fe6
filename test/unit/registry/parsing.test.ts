import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Failed } from '../../../src/core/failure.js';
import { chooseChallenge, parseChallenges } from '../../../src/registry/challenge.js';
import { parseDockerConfig } from '../../../src/registry/docker-config.js';
import { MEDIA_TYPES, parseManifest, sha256 } from '../../../src/registry/manifest.js';
import { repositoryAt } from '../../../src/registry/repository.js';

describe('challenges', () => {
  test('one with parameters', () => {
    expect(parseChallenges('Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a/b:pull,push"')).toEqual([
      { scheme: 'bearer', parameters: { realm: 'https://auth.example.com/token', service: 'registry.example.com', scope: 'repository:a/b:pull,push' } },
    ]);
  });

  test('several in one header, spaces, escapes, values without quotes, a scheme without parameters', () => {
    expect(parseChallenges('Negotiate, Basic Realm = "a \\"b\\", c" , Bearer realm=https://x/y, service=z')).toEqual([
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'a "b", c' } },
      { scheme: 'bearer', parameters: { realm: 'https://x/y', service: 'z' } },
    ]);
  });

  test('tokens are preferred, a Bearer without a realm is none', () => {
    expect(chooseChallenge('Basic realm="x", Bearer realm="https://x"')?.scheme).toBe('bearer');
    expect(chooseChallenge('Bearer service="x", Basic realm="x"')?.scheme).toBe('basic');
    expect(chooseChallenge('Negotiate')).toBeUndefined();
    expect(chooseChallenge(undefined)).toBeUndefined();
  });

  test('any header is read to an end', () => {
    fc.assert(fc.property(fc.string(), (header) => Array.isArray(parseChallenges(header))));
    fc.assert(fc.property(fc.stringMatching(/^[Ba ,="\\]{0,30}$/), (header) => Array.isArray(parseChallenges(header))));
  });
});

describe('repositories', () => {
  test.each([
    ['nginx', 'docker.io', 'registry-1.docker.io', 'library/nginx', ['https']],
    ['team/web:v1', 'docker.io', 'registry-1.docker.io', 'team/web', ['https']],
    ['index.docker.io/team/web', 'docker.io', 'registry-1.docker.io', 'team/web', ['https']],
    ['registry.example.com:5000/a/b/c@sha256:' + 'a'.repeat(64), 'registry.example.com:5000', 'registry.example.com:5000', 'a/b/c', ['https']],
    ['localhost/web', 'localhost', 'localhost', 'web', ['http', 'https']],
    ['127.1.2.3:5000/web', '127.1.2.3:5000', '127.1.2.3:5000', 'web', ['http', 'https']],
    ['[::1]:5000/web', '[::1]:5000', '[::1]:5000', 'web', ['http', 'https']],
    ['127.0.0.1.example.com/web', '127.0.0.1.example.com', '127.0.0.1.example.com', 'web', ['https']],
    ['plain.example.com:80/web', 'plain.example.com:80', 'plain.example.com:80', 'web', ['https', 'http']],
  ])('%s', (text, registry, host, path, schemes) => {
    expect(repositoryAt(text, ['plain.example.com'])).toEqual({ registry, host, path, schemes });
  });

  test('what is none', () => {
    expect(() => repositoryAt('Team/Web', [])).toThrow(Failed);
  });
});

describe('docker configurations', () => {
  const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });

  test('registries by all their spellings', () => {
    const { auths, helpers, store } = parseDockerConfig(
      JSON.stringify({
        auths: {
          'https://index.docker.io/v1/': auth('hub:secret'),
          'registry.example.com:5000': auth('a:b:c'),
          'https://other.example.com/v2/': { username: 'u', password: 'p' },
          'tokens.example.com': { auth: 'ignored', identitytoken: 'refresh' },
          'access.example.com': { registrytoken: 'access' },
          'empty.example.com': {},
          'broken.example.com': auth('no colon'),
        },
        credHelpers: { 'helped.example.com': 'one' },
        credsStore: 'two',
      }),
      'config.json',
    );
    expect(Object.fromEntries(auths)).toEqual({
      'docker.io': { kind: 'password', username: 'hub', password: 'secret' },
      'registry.example.com:5000': { kind: 'password', username: 'a', password: 'b:c' },
      'other.example.com': { kind: 'password', username: 'u', password: 'p' },
      'tokens.example.com': { kind: 'identity-token', token: 'refresh' },
      'access.example.com': { kind: 'access-token', token: 'access' },
    });
    expect([Object.fromEntries(helpers), store]).toEqual([{ 'helped.example.com': 'one' }, 'two']);
  });

  test('anything that is JSON can be read, and nothing of what is not is shown', () => {
    fc.assert(fc.property(fc.json(), (text) => parseDockerConfig(text, 'x').auths.size >= 0));
    expect(() => parseDockerConfig('{"auths": secret', 'the file')).toThrow(/^the file is not JSON$/);
  });
});

describe('manifests', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const descriptor = { mediaType: 'application/x', digest, size: 5 };
  const parse = (value: unknown, { said = MEDIA_TYPES.ociManifest as string, expected }: { said?: string; expected?: string } = {}) =>
    parseManifest(Buffer.from(JSON.stringify(value)), { said, expected, subject: 'web:1' });
  const reasonOf = (work: () => unknown): string | undefined => {
    try {
      work();
    } catch (error) {
      return error instanceof Failed ? error.problems[0]?.reason : String(error);
    }
    return undefined;
  };

  test('images and indexes', () => {
    const image = { schemaVersion: 2, config: descriptor, layers: [descriptor, descriptor] };
    expect(parse(image, { said: `${MEDIA_TYPES.ociManifest}; charset=utf-8` })).toMatchObject({ mediaType: MEDIA_TYPES.ociManifest, content: { kind: 'image', config: descriptor, layers: [descriptor, descriptor] } });
    const index = { mediaType: MEDIA_TYPES.dockerList, manifests: [{ ...descriptor, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }, descriptor] };
    expect(parse(index, { said: 'text/plain' }).content).toEqual({ kind: 'index', manifests: [{ ...descriptor, platform: 'linux/arm/v7' }, descriptor] });
  });

  test('what is broken, unknown, or another than asked for', () => {
    expect(reasonOf(() => parse({}))).toBe('registry');
    expect(reasonOf(() => parse([]))).toBe('registry');
    expect(reasonOf(() => parse({ config: descriptor, layers: [{ ...descriptor, digest: 'sha256:../../x' }] }))).toBe('registry');
    expect(reasonOf(() => parse({ config: { ...descriptor, size: -1 }, layers: [] }))).toBe('registry');
    expect(reasonOf(() => parse({ config: null, layers: [] }))).toBe('registry');
    expect(reasonOf(() => parse({}, { said: 'application/vnd.docker.distribution.manifest.v1+json' }))).toBe('unsupported');
    expect(reasonOf(() => parse({}, { expected: digest }))).toBe('integrity');
    expect(reasonOf(() => parse({ config: descriptor, layers: [] }, { expected: sha256(Buffer.from(JSON.stringify({ config: descriptor, layers: [] }))) }))).toBeUndefined();
  });
});
