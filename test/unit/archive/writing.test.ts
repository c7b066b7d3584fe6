import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { buildPiece } from '../../../src/archive/build-piece.js';
import type { Entry } from '../../../src/archive/entry.js';
import { HashingStream } from '../../../src/archive/hashing.js';
import { TarPack, tarOf } from '../../../src/archive/pack-tar.js';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { tarDirectory } from '../../../src/archive/tar-directory.js';
import { Failed } from '../../../src/core/failure.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wheelwright-writing-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const file = (path: string, content: string): PackItem & { readonly content: Buffer } => ({
  entry: { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0, size: Buffer.byteLength(content) }, content: Buffer.from(content),
});

async function entriesOf(tar: Readable): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const { entry } of readTar(tar, { subject: 'test', links: 'keep' })) entries.push(entry);
  return entries;
}

async function failure(work: Promise<unknown>): Promise<Failed> {
  const error: unknown = await work.then(() => new Error('it did not fail'), (reason: unknown) => reason);
  if (!(error instanceof Failed)) throw error;
  return error;
}

describe('tarOf and TarPack', () => {
  test('give the same bytes, however the content comes', async () => {
    const items = [file('a', 'x'.repeat(700_000)), file('b', '')];
    const whole = await buffer(tarOf(items));
    const chunked = items.map(({ entry, content }) => ({ entry, content: Readable.from([content.subarray(0, 3), content.subarray(3)], { objectMode: false }) }));
    expect((await buffer(tarOf(chunked))).equals(whole)).toBe(true);
    const pack = new TarPack();
    const read = buffer(pack);
    for (const { entry, content } of items) await pack.entry(entry, content);
    await pack.finish();
    expect((await read).equals(whole)).toBe(true);
  });

  test('modes, owners and times at and beyond what a header holds come back', async () => {
    const items = [{ mode: 0 }, { mode: 0o7777 }, { uid: 262_143 }, { uid: 262_144, gid: 2 ** 31 }, { mtime: 2 ** 31 - 1 }, { mtime: 2 ** 31 }, { mtime: 2 ** 34 }, { mtime: -5 }];
    const entries = items.map((facts, index): Entry => ({ ...file(`f${index}`, '').entry, ...facts }));
    for (const length of [98, 99, 100, 101]) entries.push({ type: 'directory', path: `d/${'n'.repeat(length)}`, mode: 0, uid: 0, gid: 0, mtime: 0 });
    entries.push({ type: 'symlink', path: 'ü', target: 'ä'.repeat(80), mode: 0o777, uid: 0, gid: 0, mtime: 0 });
    expect(await entriesOf(tarOf(entries.map((entry) => ({ entry }))))).toEqual(entries);
  });

  test('a content of another size is an error of the stream', async () => {
    const { entry } = file('a', '12345');
    for (const content of [Buffer.from('1234'), Buffer.from('123456')]) await expect(buffer(tarOf([{ entry, content }]))).rejects.toThrow('not of the size');
  });

  test("the items' error becomes the stream's", async () => {
    const items = async function* (): AsyncGenerator<PackItem> {
      yield file('a', 'x');
      throw new Failed({ reason: 'registry', message: 'gone' });
    };
    expect((await failure(buffer(tarOf(items())))).has('registry')).toBe(true);
  });

  test('writing waits for the reader', async () => {
    let asked = 0;
    const items = async function* (): AsyncGenerator<PackItem> {
      for (; asked < 100; asked += 1) yield file(`f${asked}`, 'x'.repeat(300_000));
    };
    const stream = tarOf(items());
    await new Promise((resolve) => stream.once('readable', resolve));
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBeLessThan(5);
    stream.destroy();
  });
});

describe('tarDirectory', () => {
  test('under a folder, mapped, with owner and own times', async () => {
    mkdirSync(join(dir, 'skip'));
    writeFileSync(join(dir, 'skip/me'), '');
    writeFileSync(join(dir, 'f'), 'x');
    const entries = await entriesOf(tarDirectory(dir, {
      under: 'dist', owner: { uid: 7, gid: 8 }, mtime: 99, map: (entry) => (entry.path === 'dist/skip' ? undefined : entry.type === 'file' ? { ...entry, mode: 0o600 } : entry),
    }));
    expect(entries).toMatchObject([{ path: 'dist', type: 'directory', uid: 7, gid: 8, mtime: 99 }, { path: 'dist/f', mode: 0o600 }]);
  });

  test('links are never followed; hard links to outside are files', async () => {
    mkdirSync(join(dir, 'in'));
    writeFileSync(join(dir, 'outside'), 'secret');
    symlinkSync('..', join(dir, 'in/up'));
    linkSync(join(dir, 'outside'), join(dir, 'in/hard'));
    expect(await entriesOf(tarDirectory(join(dir, 'in')))).toMatchObject([{ path: 'hard', type: 'file', size: 6 }, { path: 'up', type: 'symlink', target: '..' }]);
  });

  test('a fifo is refused, or skipped', async () => {
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    expect((await failure(buffer(tarDirectory(dir)))).has('archive')).toBe(true);
    expect(await entriesOf(tarDirectory(dir, { special: 'skip' }))).toEqual([]);
  });

  test('a name that is not UTF-8 is refused', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x61, 0xff])]), '');
    expect((await failure(buffer(tarDirectory(dir)))).message).toContain('not UTF-8');
    rmSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x61, 0xff])]));
  });

  test.each([10, 300_000])('a file of %i bytes that grows meanwhile is noticed', async (size) => {
    writeFileSync(join(dir, 'a'), Buffer.alloc(700_000));
    writeFileSync(join(dir, 'b'), Buffer.alloc(size));
    const map = (entry: Entry): Entry => {
      if (entry.path === 'b') appendFileSync(join(dir, 'b'), 'more');
      return entry;
    };
    expect((await failure(buffer(tarDirectory(dir, { map })))).message).toContain('changed while it was read');
  });
});

describe('buildPiece', () => {
  test('adds folders, sorts, takes the last of each path, and leaves nothing behind', async () => {
    const big = 'x'.repeat(2000);
    const piece = await buildPiece([file('b/z', big), file('b-a', '1'), file('b/z', `${big}2`), file('a/b/c', '')], { subject: 'test', memory: 1000, spool: dir });
    expect(readdirSync(dir)).toEqual([]);
    const found: string[] = [];
    for await (const { entry, content } of readTar(piece, { subject: 'test', duplicates: 'refuse' })) found.push(`${entry.path} ${entry.mode.toString(8)} ${(await buffer(content)).length}`);
    expect(found).toEqual(['a 755 0', 'a/b 755 0', 'a/b/c 644 0', 'b 755 0', 'b/z 644 2001', 'b-a 644 1']);
  });

  test.each(['../x', '/x', 'a//b', './a', 'a/', ''])('refuses the path %j', async (path) => {
    expect((await failure(buildPiece([file(path, '')], { subject: 'lodash 4.17.21' }))).message).toContain('lodash 4.17.21');
  });

  test('a spool folder that is not writable is a disk problem or an ordinary error, and nothing hangs', async () => {
    await expect(buildPiece([file('a', 'x'.repeat(100))], { subject: 'test', memory: 10, spool: join(dir, 'absent') })).rejects.toThrow();
  });
});

test('HashingStream passes bytes on and knows their hashes at the end', async () => {
  const hashing = new HashingStream(['sha256', 'sha512']);
  expect(() => hashing.hex('sha256')).toThrow();
  const bytes = await buffer(Readable.from([Buffer.from('one'), Buffer.from('two')], { objectMode: false }).pipe(hashing));
  expect(bytes.toString()).toBe('onetwo');
  expect(hashing.size).toBe(6);
  for (const algorithm of ['sha256', 'sha512']) expect(hashing.hex(algorithm)).toBe(createHash(algorithm).update('onetwo').digest('hex'));
});
