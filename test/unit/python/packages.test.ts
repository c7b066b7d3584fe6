import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { buildPiece } from '../../../src/archive/build-piece.js';
import { Failed } from '../../../src/core/failure.js';
import type { Digest, PackageKey } from '../../../src/core/identity.js';
import { compare } from '../../../src/core/record.js';
import { findConflicts } from '../../../src/python/conflicts.js';
import { directUrl } from '../../../src/python/direct-url.js';
import type { Origin } from '../../../src/python/lock.js';
import { activeRequirements, isExact } from '../../../src/python/merge.js';
import { getPiece } from '../../../src/python/piece.js';
import { readRequirements } from '../../../src/python/requirements-file.js';
import { readMetadata } from '../../../src/python/read-metadata.js';
import { settleAll } from '../../../src/python/settle.js';
import { verified } from '../../../src/python/verify.js';
import { Tail, zipMembers } from '../../../src/python/zip-tail.js';
import { MemoryStore } from '../../../src/store/memory.js';

const PLACE = { file: 'requirements.txt', line: 3, column: 1 };

describe('hashes on the way into the store', () => {
  const bytes = Buffer.from('content');
  const sha = (algorithm: string): string => `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
  const drain = async (hashes: readonly string[]): Promise<string> => {
    let seen = '';
    for await (const chunk of verified(Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]), { subject: 'a.whl of a 1.0', hashes, place: PLACE }, (part) => (seen += part.toString()))) void chunk;
    return seen;
  };

  test('one of several, of any algorithm, is enough; none means anything goes', async () => {
    expect(await drain([`sha256:${'0'.repeat(64)}`, sha('sha256')])).toBe('content');
    expect(await drain([sha('sha512')])).toBe('content');
    expect(await drain([])).toBe('content');
  });

  test('otherwise expected and found are told, with the place of the pin', async () => {
    await expect(drain([`sha256:${'0'.repeat(64)}`])).rejects.toMatchObject({
      problems: [{ reason: 'integrity', place: PLACE, message: 'a.whl of a 1.0 has none of the expected hashes', detail: [`expected sha256:${'0'.repeat(64)}`, `found    ${sha('sha256')}`] }],
    });
  });
});

describe('the end of a ZIP', () => {
  test('members are found from the last bytes alone', () => {
    const archive = zip([['big.bin', Buffer.concat(Array.from({ length: 50 }, (_, index) => createHash('sha512').update(String(index)).digest()))], ['a-1.0.dist-info/METADATA', Buffer.from('Name: a\n')]]);
    const members = zipMembers(archive.subarray(-400), archive.length);
    expect(members?.map(({ name }) => name)).toEqual(['big.bin', 'a-1.0.dist-info/METADATA']);
    expect(members?.[1]?.read()?.toString()).toBe('Name: a\n');
    expect(members?.[0]?.read()).toBeUndefined();
    expect(zipMembers(archive.subarray(-60), archive.length)).toBeUndefined();
  });

  test('any bytes are no ZIP or one, and never an error', () => {
    const archive = zip([['a-1.0.dist-info/METADATA', Buffer.from('Name: a\n')]]);
    fc.assert(
      fc.property(fc.nat(archive.length - 1), fc.nat(255), (position, value) => {
        const broken = Buffer.from(archive);
        broken[position] = value;
        for (const member of zipMembers(broken, broken.length) ?? []) member.read();
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  test('a tail keeps at least its limit, and counts all', () => {
    const tail = new Tail(10);
    for (let index = 0; index < 8; index += 1) tail.add(Buffer.from(`${index}`.repeat(4)));
    expect([tail.size, tail.bytes().toString()]).toEqual([32, '555566667777']);
  });
});

describe('the metadata of a wheel', () => {
  const noise = (seed: string, kilobytes: number): Buffer => Buffer.concat(Array.from({ length: kilobytes * 16 }, (_, index) => createHash('sha512').update(`${seed}${index}`).digest()));
  const METADATA = ['a-1.0.dist-info/METADATA', Buffer.from('Name: a\n')] as const;
  const read = async (files: readonly (readonly [string, Buffer])[], project: string | undefined = 'a'): Promise<{ found: string | undefined; reads: number }> => {
    const store = new MemoryStore();
    const archive = zip(files);
    const blob = await store.writeBlob(archive);
    const tail = new Tail();
    for (let start = 0; start < archive.length; start += 65_536) tail.add(archive.subarray(start, start + 65_536));
    let reads = 0;
    const counted = Object.create(store, { readBlob: { value: (digest: Digest) => ((reads += 1), store.readBlob(digest)) } }) as MemoryStore;
    return { found: (await readMetadata({ blob, tail, project }, counted))?.toString(), reads };
  };

  test('last in the file: nothing is read again', async () => {
    expect(await read([['big.bin', noise('b', 900)], METADATA])).toEqual({ found: 'Name: a\n', reads: 0 });
  });

  test('first in a big file, or behind the middle: its part is read again', async () => {
    expect(await read([METADATA, ['big.bin', noise('b', 900)]])).toEqual({ found: 'Name: a\n', reads: 1 });
    expect(await read([['big.bin', noise('a', 700)], METADATA, ['other.bin', noise('b', 700)]])).toEqual({ found: 'Name: a\n', reads: 1 });
  });

  test('a directory that is longer than the end that was kept', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => [`${'folder/'.repeat(10)}${index}`, Buffer.from('x')] as const);
    expect(await read([METADATA, ...many])).toEqual({ found: 'Name: a\n', reads: 1 });
  });

  test('the one of the project if there are several; none in what is no wheel', async () => {
    expect((await read([['b-1.0.dist-info/METADATA', Buffer.from('Name: b\n')], METADATA])).found).toBe('Name: a\n');
    expect(await read([['a.py', Buffer.from('x')]])).toEqual({ found: undefined, reads: 0 });
  });
});

function zip(files: readonly (readonly [string, Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of files) {
    const packed = deflateRawSync(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(typeof crc32 === 'function' ? crc32(data) : 0, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, entry, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

test('direct_url.json for what was named by its URL, never for a path of this machine', () => {
  const sha256 = 'a'.repeat(64) as Digest;
  const archive = (more: object): Origin => ({ kind: 'archive', format: 'wheel', filename: 'a.whl', sha256, location: { url: 'https://files.test/a.whl' }, direct: true, ...more });
  expect(directUrl(archive({}))).toBe('{"url":"https://files.test/a.whl","archive_info":{}}');
  expect(directUrl(archive({ direct: false }))).toBeUndefined();
  expect(directUrl(archive({ location: { path: 'vendor/a.whl' } }))).toBeUndefined();
  expect(directUrl({ kind: 'tree', path: 'lib', content: 'x' })).toBeUndefined();
  expect(directUrl({ kind: 'git', url: 'https://git.test/a', commit: 'c'.repeat(40), revision: 'v1', subdirectory: 'sub' })).toBe(
    `{"url":"https://git.test/a","vcs_info":{"vcs":"git","commit_id":"${'c'.repeat(40)}","requested_revision":"v1"},"subdirectory":"sub"}`,
  );
});

test('packages that overwrite each other, in the order of their names', async () => {
  const store = new MemoryStore();
  const common = { uid: 0, gid: 0, mtime: 0 };
  const piece = async (files: Readonly<Record<string, string>>, mode = 0o644) => {
    const items = Object.entries(files).map(([path, content]) => (content.startsWith('->') ? { entry: { type: 'symlink' as const, path, mode: 0o777, target: content.slice(2), ...common } } : { entry: { type: 'file' as const, path, mode, size: content.length, ...common }, content: Buffer.from(content) }));
    const { digest, size } = await store.writeBlob(await buildPiece(items, { subject: 'piece' }));
    return { format: 2 as const, piece: digest, size };
  };
  const pieces = new Map([
    ['b', await piece({ 'in/same': 'x', other: 'bb', size: 'b', link: '->b', 'same link': '->x', empty: '' })],
    ['a', await piece({ 'in/same': 'x', other: 'aa', size: 'aa', link: '->a', 'same link': '->x', empty: '' })],
    ['none', await piece({})],
    ['c', await piece({ 'in/same': 'x', other: 'aa', alone: 'c' })],
    ['mode', await piece({ empty: '' }, 0o755)],
  ]);
  const found = await findConflicts(pieces, store);
  expect([...found].sort((one, two) => compare(one.path, two.path))).toEqual([
    { path: 'empty', packages: ['a', 'b', 'mode'] },
    { path: 'link', packages: ['a', 'b'] },
    { path: 'other', packages: ['a', 'b', 'c'] },
    { path: 'size', packages: ['a', 'b'] },
  ]);
});

test('pieces that an earlier release recorded are taken as they are', async () => {
  const store = new MemoryStore();
  const { digest, size } = await store.writeBlob(Buffer.from('piece'));
  const listing = (await store.writeBlob(Buffer.from('listing'))).digest;
  for (const [key, format] of [['a', 1], ['b', 2], ['c', 3]] as const) await store.putRecord('pieces', key.repeat(64), { format, piece: digest, size, listing });
  const found = await Promise.all(['a', 'b', 'c'].map((key) => getPiece(store, key.repeat(64) as PackageKey)));
  expect(found).toEqual([{ format: 2, piece: digest, size }, { format: 2, piece: digest, size }, undefined]);
});

describe('requirements of one environment', () => {
  const read = (text: string) => readRequirements([{ value: 'r.txt', place: PLACE }], { root: '/p', read: async (path) => Buffer.from(path === 'r.txt' ? text : 'b==2 --hash=sha256:' + 'd'.repeat(64)), env: {} });
  const H = (digit: string): string => `sha256:${digit.repeat(64)}`;

  test('markers, one per name, constraints applied', async () => {
    const input = await read(`-c c.txt\na==1 ; python_version < "3"\nb[x]\nb[y]>=1\nc==1 --hash=${H('1')} --hash=${H('2')}\nc --hash=${H('2')}`);
    const active = activeRequirements(input, { python_version: '3.13' });
    expect(active.map(({ name, extras, hashes, specifiers }) => [name, extras, hashes, specifiers.length])).toEqual([
      ['b', ['x', 'y'], [H('d')], 2],
      ['c', [], [H('2')], 1],
    ]);
    expect(active.map(isExact)).toEqual([true, true]);
  });

  test('what names one version, commit or file', async () => {
    const { requirements } = await read(`a==1\na1===weird\nb>=1\nc==1.*\nd\ne @ https://x.test/e.whl\nf @ git+https://x.test/f@main\ng @ git+https://x.test/g@${'0'.repeat(40)}\n./h`);
    expect(requirements.map(isExact)).toEqual([true, true, false, false, false, true, false, true, true]);
  });
});

test('all tasks end before a failure is told, with every problem once; bugs pass', async () => {
  const problem = { reason: 'not-found' as const, message: 'x' };
  let ended = false;
  const slow = new Promise<void>((resolve) => setImmediate(() => ((ended = true), resolve())));
  const shared = new Failed(problem);
  const failure = await settleAll([Promise.reject(shared), slow, Promise.reject(shared), Promise.reject(new Failed({ ...problem, message: 'y' }))]).catch((error: unknown) => error as Failed);
  expect(ended).toBe(true);
  expect((failure as Failed).problems.map(({ message }) => message)).toEqual(['x', 'y']);
  await expect(settleAll([Promise.reject(new TypeError('bug'))])).rejects.toBeInstanceOf(TypeError);
});
