import { describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Entry } from '../../../src/archive/entry.js';
import { tarOf, type PackItem } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { normalBin } from '../../../src/node/bins.js';
import { formatIntegrity, parseIntegrity } from '../../../src/node/integrity.js';
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

test('the strongest hashes of an integrity count', () => {
  const good = integrity(Buffer.from('content'));
  const hashes = parseIntegrity(`sha1-AAAA ${integrity(Buffer.from('x'))} ${good}?opt`);
  expect(hashes?.map(({ algorithm }) => algorithm)).toEqual(['sha512', 'sha512']);
  expect(hashes?.map(formatIntegrity)).toEqual([integrity(Buffer.from('x')), good]);
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
  type Entries = Parameters<typeof tarball>[0];
  const contentOf = async ({ content = Buffer.alloc(0) }: PackItem): Promise<Buffer> => (Buffer.isBuffer(content) ? content : buffer(Readable.from(content)));

  /** From memory and from a stream, which must come out the same. */
  const unpack = async (entries: Entries, bins: string[] = []) => {
    const bytes = await tarball(entries);
    const from = async (source: Buffer | Readable) => {
      const { items, close, ...rest } = await unpackPackage(source, { subject: 'a 1.0.0', bins: new Set(bins) });
      const list: string[] = [];
      for (const item of items) list.push(`${item.entry.mode.toString(8)} ${item.entry.path} ${(await contentOf(item)).toString()}`.replace(/ $/, ''));
      await close();
      return { list, ...rest };
    };
    const [whole, streamed] = [await from(bytes), await from(Readable.from([bytes], { objectMode: false }))];
    expect(streamed).toEqual(whole);
    return whole;
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

  test('a package that is too big for memory comes out of a file: contents, commands with a CR, package.json', async () => {
    const big = Buffer.alloc(3 * 1024 ** 2, 'abcdefgh').toString();
    const list = [
      { path: 'p/z/big', content: big }, { path: 'p/a/big', content: `${big}.` }, { path: 'p/cli.js', content: `#!/usr/bin/env node\r\n${big}` }, { path: 'p/plain.js', content: `#!/bin/sh\n${big}` },
      { path: 'p/package.json', content: '{"libc":["musl"]}' }, { path: 'p/binding.gyp' }, { path: 'p/small', content: 's' },
    ];
    const { items, bins, gyp, libc, close } = await unpackPackage(await tarball(list), { subject: 'a 1.0.0', bins: new Set(['cli.js', 'plain.js']) });
    expect({ bins, gyp, libc }).toEqual({ bins: ['cli.js', 'plain.js'], gyp: true, libc: ['musl'] });
    const found: Record<string, string> = {};
    for await (const { entry, bytes } of withBytes(tarOf(items))) if (entry.type === 'file') found[entry.path] = `${entry.mode.toString(8)} ${integrity(bytes)}`;
    const of = (content: string, mode = '644'): string => `${mode} ${integrity(Buffer.from(content))}`;
    expect(found).toEqual({
      'a/big': of(`${big}.`), 'z/big': of(big), 'cli.js': of(`#!/usr/bin/env node\n${big}`, '755'), 'plain.js': of(`#!/bin/sh\n${big}`, '755'),
      'package.json': of('{"libc":["musl"]}'), 'binding.gyp': of(''), small: of('s'),
    });
    await close();
  });

  test.each(['cut', 'bad'] as const)('a gzip file that is %s is said to be', async (how) => {
    const bytes = await tarball([{ path: 'p/a', content: 'a'.repeat(1000) }]);
    const wrong = how === 'cut' ? bytes.subarray(0, -20) : Buffer.concat([bytes.subarray(0, 40), Buffer.alloc(8, 255), bytes.subarray(48)]);
    await expect(unpackPackage(wrong, { subject: 'a 1.0.0', bins: new Set() })).rejects.toThrow(/a 1\.0\.0 is not a whole gzip file/);
  });

  test('tells what wants compiling, and what is bundled', async () => {
    expect(await unpack([{ path: 'p/binding.gyp' }, { path: 'p/node_modules/@s/b/package.json', content: '{}' }])).toMatchObject({ gyp: true, bundled: ['node_modules/@s/b'] });
    expect(await unpack([{ path: 'p/binding.gyp' }, { path: 'p/package.json', content: '{"gypfile":false}' }])).toMatchObject({ gyp: false });
    expect(await unpack([{ path: 'p/binding.gyp' }, { path: 'p/package.json', content: '{"scripts":{"install":"x"}}' }])).toMatchObject({ gyp: false });
  });

  async function* withBytes(tar: Readable): AsyncGenerator<{ readonly entry: Entry; readonly bytes: Buffer }> {
    for await (const item of readTar(tar, { subject: 'piece' })) yield { entry: item.entry, bytes: await item.bytes() };
  }

  test('devices are refused by name', async () => {
    await expect(unpack([{ path: 'p/dev', type: 'character-device' }])).rejects.toThrow(/a 1\.0\.0.*p\/dev/);
  });
});
