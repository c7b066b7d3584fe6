import { describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { normalBin } from '../../../src/node/bins.js';
import { matching, parseIntegrity } from '../../../src/node/integrity.js';
import { joinLocation, relativeLocation } from '../../../src/node/location.js';
import { engineMismatch, platformMismatch } from '../../../src/node/platform.js';
import { parseSpec } from '../../../src/node/spec.js';
import { unpackPackage } from '../../../src/node/unpack.js';
import { matchFolders } from '../../../src/node/workspaces.js';
import { integrity, tarball } from './project.js';

test.each([
  ['^1.2.3', { type: 'range', range: '^1.2.3' }], ['', { type: 'range', range: '*' }], ['1.x || >=2', { type: 'range', range: '1.x || >=2' }],
  ['latest', { type: 'tag', tag: 'latest' }], ['next-1', { type: 'tag', tag: 'next-1' }],
  ['npm:@s/a@^1', { type: 'alias', name: '@s/a', spec: { type: 'range', range: '^1' } }], ['npm:a', { type: 'alias', name: 'a', spec: { type: 'range', range: '*' } }],
  ['file:../a', { type: 'directory', path: '../a' }], ['./a.tgz', { type: 'file', path: './a.tgz' }],
  ['https://example.org/a.tgz', { type: 'remote', url: 'https://example.org/a.tgz' }],
  ['user/repo#v1', { type: 'git', repository: 'github.com/user/repo', committish: 'v1' }], ['gitlab:u/r', { type: 'git', repository: 'gitlab.com/u/r', committish: '' }],
  ['https://github.com/u/r.git', { type: 'git', repository: 'github.com/u/r', committish: '' }],
  ['git+ssh://git@github.com/u/r.git#abc', { type: 'git', repository: 'github.com/u/r', committish: 'abc' }],
  ['git@github.com:u/r.git', { type: 'git', repository: 'github.com/u/r', committish: '' }],
  ['git+https://u:p@example.org:8443/r.git#semver:^1', { type: 'git', repository: 'example.org:8443/r', committish: 'semver:^1' }],
])('reads the spec %j', (text, spec) => expect(parseSpec(text)).toEqual(spec));

test('commands keep to their folder', () => {
  expect([...normalBin('@s/a', './cli.js')]).toEqual([['a', 'cli.js']]);
  expect([...normalBin('a', { '../x': '../../y.js', 'd:z': '/abs.js', '': 'no.js', n: 1, e: '' })]).toEqual([['x', 'y.js'], ['z', 'abs.js']]);
  expect([...normalBin('a', ['bin/one.js'])]).toEqual([['one.js', 'bin/one.js']]);
  expect([...normalBin('a', undefined)]).toEqual([]);
});

test('places', () => {
  expect(joinLocation('packages/a', '../b')).toBe('packages/b');
  expect(joinLocation('', '../b')).toBe('../b');
  expect(relativeLocation('node_modules/@s', 'packages/a')).toBe('../../packages/a');
  expect(relativeLocation('node_modules/.bin', 'node_modules/a/cli.js')).toBe('../a/cli.js');
});

test('the strongest hashes of an integrity count, any of them', () => {
  const content = Buffer.from('content');
  const good = integrity(content);
  const hashes = parseIntegrity(`sha1-AAAA ${integrity(Buffer.from('x'))} ${good}?opt`);
  expect(hashes).toHaveLength(2);
  expect(matching(content, hashes!)?.algorithm).toBe('sha512');
  expect(matching(Buffer.from('y'), hashes!)).toBeUndefined();
  expect(parseIntegrity('md5-abc sha512-short')).toBeUndefined();
});

test('platforms and engines by npm\'s rules', () => {
  const platform = { os: 'linux', cpu: 'x64', libc: 'glibc' as const, node: '20.19.2', npm: '9.2.0' };
  expect(platformMismatch({ os: ['!win32'], cpu: ['any'], libc: ['glibc'] }, platform)).toBeUndefined();
  expect(platformMismatch({ os: ['!linux'] }, platform)).toContain('os !linux');
  expect(platformMismatch({ cpu: ['arm64', 'ia32'] }, platform)).toBe('cpu arm64 or ia32 (the builder has x64)');
  expect(platformMismatch({ libc: 'musl' }, platform)).toContain('libc musl');
  expect(engineMismatch({ engines: { node: '>=18', npm: '>=10', yarn: '*' } }, platform)).toBe('npm >=10 (the builder has 9.2.0)');
  expect(engineMismatch({ engines: { node: '>=20.0.0-0' } }, platform)).toBeUndefined();
});

test('workspaces match as npm matches them', async () => {
  const base = await mkdtemp(join(tmpdir(), 'wheelwright-ws-'));
  for (const folder of ['packages/a', 'packages/b', 'packages/a/node_modules/x', 'deep/x/y', 'apps/web', 'apps/.hidden']) await mkdir(join(base, folder), { recursive: true });
  expect(await matchFolders(base, ['packages/*', '!packages/b'])).toEqual(['packages/a']);
  expect(await matchFolders(base, ['!packages/b', './packages/b', 'apps/*/'])).toEqual(['packages/b', 'apps/web']);
  expect(await matchFolders(base, ['deep/**', '../etc', 'packages/{a,c}', '.'])).toEqual(['deep', 'deep/x', 'deep/x/y', 'packages/a']);
  await rm(base, { recursive: true });
});

describe('unpacking', () => {
  const unpack = async (entries: Parameters<typeof tarball>[0], bins: string[] = []) => {
    const { items, ...rest } = await unpackPackage(Readable.from([await tarball(entries)], { objectMode: false }), { subject: 'a 1.0.0', bins: new Set(bins) });
    return { list: items.map(({ entry, content }) => `${entry.mode.toString(8)} ${entry.path}${Buffer.isBuffer(content) && content.length > 0 ? ` ${content.toString()}` : ''}`), ...rest };
  };

  test('modes, ignore files, first segments, empty folders and links as npm has them', async () => {
    expect(await unpack([
      { path: 'x/', type: 'directory' }, { path: 'x/empty/', type: 'directory' }, { path: 'x/z.sh', mode: 0o4700 }, { path: 'other/d/secret', mode: 0o600 },
      { path: 'x/.gitignore', content: 'g' }, { path: 'x/d/.npmignore', content: 'n' }, { path: 'x/d/.gitignore', content: 'g' }, { path: 'x/link', type: 'symlink', target: 'z.sh' }, { path: 'alone' },
    ])).toEqual({ list: ['644 .npmignore g', '755 d', '644 d/.npmignore n', '644 d/secret', '744 z.sh'], bins: [], gyp: false, bundled: [], libc: [] });
  });

  test('commands become executable and lose the CR of their first line', async () => {
    expect(await unpack([{ path: 'p/cli.js', content: '#!/usr/bin/env node\r\nx\r\n' }], ['cli.js', 'gone.js'])).toMatchObject({ list: ['755 cli.js #!/usr/bin/env node\nx\r\n'], bins: ['cli.js'] });
  });

  test('tells what wants compiling, and what is bundled', async () => {
    expect(await unpack([{ path: 'p/binding.gyp' }, { path: 'p/node_modules/@s/b/package.json', content: '{}' }])).toMatchObject({ gyp: true, bundled: ['node_modules/@s/b'] });
    expect(await unpack([{ path: 'p/binding.gyp' }, { path: 'p/package.json', content: '{"gypfile":false}' }])).toMatchObject({ gyp: false });
    expect(await unpack([{ path: 'p/binding.gyp' }, { path: 'p/package.json', content: '{"scripts":{"install":"x"}}' }])).toMatchObject({ gyp: false });
  });

  test('devices are refused by name', async () => {
    await expect(unpack([{ path: 'p/dev', type: 'character-device' }])).rejects.toThrow(/a 1\.0\.0.*p\/dev/);
  });
});
