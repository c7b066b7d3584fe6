import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Failed } from '../../../src/core/failure.js';
import { extractTar } from '../../../src/archive/extract-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import type { ReadTarOptions } from '../../../src/archive/read-tar.js';
import { paxRecord, rawEntry, rawTar } from './raw-tar.js';
import type { Raw } from './raw-tar.js';

const subject = 'evil-1.0.0.tgz';

/** In chunks of an odd size, so that every boundary is crossed somewhere. */
function streamOf(bytes: Buffer, size = 700): Readable {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return Readable.from(chunks, { objectMode: false });
}

async function read(bytes: Buffer, options: Partial<ReadTarOptions> = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { entry, content } of readTar(streamOf(bytes), { subject, ...options })) {
    const text = (await buffer(content)).toString();
    found.push(entry.type === 'file' ? `${entry.path}=${text}` : entry.type === 'directory' ? `${entry.path}/` : `${entry.path}->${entry.target}`);
  }
  return found;
}

async function refusal(work: Promise<unknown>): Promise<Failed> {
  const error: unknown = await work.then(() => new Error('it was taken'), (reason: unknown) => reason);
  if (!(error instanceof Failed)) throw error;
  expect(error.problems).toHaveLength(1);
  expect(error.problems[0]?.reason).toBe('archive');
  expect(error.message).toContain(subject);
  return error;
}

const long = (name: string | Buffer, type = 'L'): Raw => ({ name: '././@LongLink', type, content: Buffer.concat([Buffer.from(name), Buffer.from('\0')]) });
const pax = (...records: Buffer[]): Raw => ({ name: 'PaxHeader', type: 'x', content: Buffer.concat(records) });

describe('refused, with the archive and the entry named', () => {
  const table: readonly (readonly [string, readonly Raw[], string])[] = [
    ['absolute path', [{ name: '/etc/passwd' }], '/etc/passwd'],
    ['absolute path by prefix', [{ name: 'passwd', prefix: '/etc' }], '/etc/passwd'],
    ['absolute path by long name', [long('/etc/passwd'), { name: 'x' }], '/etc/passwd'],
    ['absolute path by pax', [pax(paxRecord('path', '/etc/passwd')), { name: 'x' }], '/etc/passwd'],
    ['absolute path by global pax', [{ ...pax(paxRecord('path', '/etc/passwd')), type: 'g' }, { name: 'x' }], '/etc/passwd'],
    ['leading ..', [{ name: '../x' }], '../x'],
    ['inner ..', [{ name: 'a/../../x' }], 'a/../../x'],
    ['trailing ..', [{ name: 'a/..', type: '5' }], 'a/..'],
    ['.. as a folder', [{ name: '../', type: '5' }], '../'],
    ['NUL by pax', [pax(paxRecord('path', 'a\0b')), { name: 'x' }], 'NUL'],
    ['backslash ..', [{ name: 'a\\..\\..\\x' }], 'backslash'],
    ['backslash and slash ..', [{ name: 'a/..\\x' }], 'backslash'],
    ['Windows drive', [{ name: 'C:\\x' }], 'backslash'],
    ['UNC path', [{ name: '\\\\host\\x' }], 'backslash'],
    ['no name', [{ name: '' }], 'no name'],
    ['too long a name', [pax(paxRecord('path', 'a/'.repeat(3000) + 'x')), { name: 'x' }], 'too long'],
    ['name not UTF-8', [{ name: Buffer.from([0x61, 0xff, 0x62]) }], 'not UTF-8'],
    ['long name not UTF-8', [long(Buffer.from([0xc3, 0x28])), { name: 'x' }], 'not UTF-8'],
    ['pax name not UTF-8', [pax(paxRecord('path', Buffer.from([0xc3, 0x28]))), { name: 'x' }], 'malformed'],
    ['character device', [{ name: 'dev/null', type: '3' }], 'dev/null'],
    ['block device', [{ name: 'dev/sda', type: '4' }], 'dev/sda'],
    ['fifo', [{ name: 'pipe', type: '6' }], 'fifo'],
    ['GNU sparse file', [{ name: 's', type: 'S' }], 'sparse'],
    ['pax sparse file', [pax(paxRecord('GNU.sparse.major', '1')), { name: 's' }], 'sparse'],
    ['multi-volume', [{ name: 'm', type: 'M' }], 'multi-volume'],
    ['unknown type', [{ name: 'u', type: 'Z' }], 'unknown type'],
    ['symlink to an absolute path', [{ name: 'l', type: '2', target: '/etc/passwd' }], 'absolute'],
    ['symlink out of the tree', [{ name: 'a/l', type: '2', target: '../../x' }], 'leaves the tree'],
    ['symlink out of the tree from the top', [{ name: 'l', type: '2', target: '..' }], 'leaves the tree'],
    ['symlink out by pax', [pax(paxRecord('linkpath', '../../x')), { name: 'l', type: '2', target: 'fine' }], 'leaves the tree'],
    ['symlink out by long link', [long('../../x', 'K'), { name: 'l', type: '2', target: 'fine' }], 'leaves the tree'],
    ['symlink that climbs through a name', [{ name: 'd/e', type: '2', target: '..' }, { name: 'm', type: '2', target: 'd/e/../../x' }], 'after a name'],
    ['symlink with backslashes', [{ name: 'l', type: '2', target: '..\\..\\x' }], 'backslash'],
    ['symlink to nothing', [{ name: 'l', type: '2' }], 'nothing'],
    ['file through a symlink', [{ name: 'd/', type: '5' }, { name: 'l', type: '2', target: 'd' }, { name: 'l/x' }], 'through the link'],
    ['folder through a symlink', [{ name: 'l', type: '2', target: 'd' }, { name: 'l/x/', type: '5' }], 'through the link'],
    ['folder over a symlink', [{ name: 'l', type: '2', target: 'd' }, { name: 'l/', type: '5' }], 'made a link'],
    ['symlink over a folder', [{ name: 'd/x' }, { name: 'd', type: '2', target: 'x' }], 'has a folder'],
    ['file below a file', [{ name: 'f' }, { name: 'f/x' }], 'below the file'],
    ['file over a folder', [{ name: 'd/', type: '5' }, { name: 'd' }], 'has a folder'],
    ['hard link outside', [{ name: 'h', type: '1', target: '../../etc/passwd' }], 'hard link'],
    ['hard link to an absolute path', [{ name: 'h', type: '1', target: '/etc/passwd' }], 'hard link'],
    ['hard link to nothing', [{ name: 'h', type: '1', target: 'absent' }], 'no earlier file'],
    ['hard link to itself', [{ name: 'h' }, { name: 'h', type: '1', target: 'h' }], 'no earlier file'],
    ['hard link to a symlink', [{ name: 'l', type: '2', target: 'x' }, { name: 'h', type: '1', target: 'l' }], 'no earlier file'],
    ['hard link to a folder', [{ name: 'd/', type: '5' }, { name: 'h', type: '1', target: 'd' }], 'no earlier file'],
    ['wrong checksum', [{ name: 'fine' }, { name: 'x', checksum: '000001\0 ' }], 'checksum'],
    ['bad size', [{ name: 'x', size: '9zzzzzzzzzz' }], 'size'],
    ['negative size', [{ name: 'x', size: '\xff\xff\xff\xff' }], 'size'],
    ['bad pax size', [pax(paxRecord('size', '-1')), { name: 'x' }], 'size'],
    ['huge pax size', [pax(paxRecord('size', '99999999999999999999')), { name: 'x' }], 'size'],
    ['bad mode', [{ name: 'x', mode: 'rwxr-x' }], 'number'],
    ['pax without length', [{ ...pax(Buffer.from('path=x\n')) }, { name: 'x' }], 'pax'],
    ['pax with a wrong length', [{ ...pax(Buffer.from('99 path=x\n')) }, { name: 'x' }], 'pax'],
    ['pax with length 0', [{ ...pax(Buffer.from('0 path=x\n')) }, { name: 'x' }], 'pax'],
    ['a huge pax header', [pax(Buffer.alloc(2 * 1024 * 1024, 'x')), { name: 'x' }], 'header of'],
    ['global pax size', [{ ...pax(paxRecord('size', '0')), type: 'g' }, { name: 'x', content: 'x' }], 'global'],
    ['pax with a size in base-256', [{ ...pax(paxRecord('path', 'y')), size: '\u0080' }, { name: 'x' }], 'number'],
    ['pax with a wrong checksum', [{ ...pax(paxRecord('path', 'y')), checksum: '000001\0 ' }, { name: 'x' }], 'checksum'],
    ['pax owner', [pax(paxRecord('uid', '0x10')), { name: 'x' }], 'uid'],
    ['pax time', [pax(paxRecord('mtime', 'now')), { name: 'x' }], 'mtime'],
    ['sparse by pax, then an empty pax header', [pax(paxRecord('GNU.sparse.major', '1')), pax(), { name: 's' }], 'sparse'],
    ['an old long name', [{ name: '././@LongLink', type: 'N', content: '../x' }, { name: 'x' }], 'old long name'],
    ['a link with a content', [{ name: 'f' }, { name: 'h', type: '1', target: 'f', content: 'x' }], 'no file'],
    ['a symlink with a content', [{ name: 'l', type: '2', target: 'f', content: 'x' }], 'no file'],
    ['a v7 folder with a content', [{ name: 'd/', magic: '', type: '\0', content: 'x' }], 'no file'],
    ['a long name of nothing', [long('name')], 'ends within'],
  ];

  test.each(table)('%s', async (_, entries, words) => {
    expect((await refusal(read(rawTar(entries)))).message).toContain(words);
  });

  test('what a message shows is cut and has no control characters', async () => {
    const { message } = await refusal(read(rawTar([pax(paxRecord('path', `/\u001b[31m${'x'.repeat(3000)}`)), {}])));
    expect(message).not.toContain('\u001b');
    expect(message.length).toBeLessThan(400);
  });

  test.each([['BZh9', 'bzip2'], ['\xfd7zXZ\0', 'xz'], ['PK\x03\x04xx', 'ZIP'], ['<html>404</html>'.repeat(40), 'checksum'], ['short', 'not a whole tar']])('no tar: %j', async (start, words) => {
    expect((await refusal(read(Buffer.from(start, 'latin1')))).message).toContain(words);
  });
});

describe('taken', () => {
  const table: readonly (readonly [string, readonly Raw[], readonly string[], Partial<ReadTarOptions>])[] = [
    ['./ and // and trailing slashes', [{ name: './' , type: '5' }, { name: './/a//./b', content: 'x' }, { name: 'c///', type: '5' }], ['a/b=x', 'c/'], {}],
    ['a root called /', [{ name: '/', type: '5' }, { name: 'a' }], ['a='], {}],
    ['v7 without magic, folder by slash', [{ name: 'd/', magic: '' }, { name: 'd/f', magic: '', content: 'x', type: '\0' }], ['d/', 'd/f=x'], {}],
    ['contiguous files', [{ name: 'f', type: '7', content: 'x' }], ['f=x'], {}],
    ['a folder with a size and no content', [{ name: 'd/', type: '5', size: '00000001000' }, { name: 'f' }], ['d/', 'f='], {}],
    ['a volume label', [{ name: 'label', type: 'V' }, { name: 'f' }], ['f='], {}],
    ['names that only look bad', [{ name: '...' }, { name: '..a/b..' }, { name: 'a\\b' }, { name: 'C:x' }], ['...=', '..a/b..=', 'a\\b=', 'C:x='], {}],
    ['links that stay', [{ name: 'a/b/l', type: '2', target: '../../c' }, { name: 'f' }, { name: 'h', type: '1', target: './f' }], ['a/b/l->../../c', 'f=', 'h->f'], {}],
    ['one path twice', [{ name: 'f', content: '1' }, { name: 'f', content: '2' }], ['f=1', 'f=2'], {}],
    ['a file over a symlink', [{ name: 'l', type: '2', target: 'x' }, { name: 'l', content: '1' }], ['l->x', 'l=1'], {}],
    ['an empty pax value is none', [pax(paxRecord('path', '')), { name: 'f' }], ['f='], {}],
    ['the last of two pax values', [pax(paxRecord('path', '/bad'), paxRecord('path', 'good')), { name: 'f' }], ['good='], {}],
    ['pax before GNU long name', [long('gnu'), pax(paxRecord('path', 'pax')), { name: 'f' }], ['pax='], {}],
    ['binary pax values that we ignore', [pax(paxRecord('SCHILY.xattr.user.x', Buffer.from([0xff, 0x0a, 0x3d, 0]))), { name: 'f' }], ['f='], {}],
    ['an empty pax header, before an entry with padding', [pax(), { name: 'f', content: 'x' }, { name: 'g', content: 'y' }], ['f=x', 'g=y'], {}],
    ['an empty long name', [{ name: '././@LongLink', type: 'L' }, { name: 'f', content: 'x' }, { name: 'g' }], ['f=x', 'g='], {}],
    ['two global headers', [{ ...pax(paxRecord('mtime', '7')), type: 'g' }, { ...pax(paxRecord('comment', 'x')), type: 'g' }, { name: 'f' }], ['f='], {}],
    ['npm: first segment goes, whatever it is; links are dropped', [
      { name: 'pax_global_header', type: 'g', content: paxRecord('comment', 'x') },
      { name: 'package', type: '5' }, { name: 'package/a', content: '1' }, { name: 'lodash-x/b', content: '2' }, { name: 'stray' },
      { name: 'package/l', type: '2', target: '/etc/passwd' }, { name: 'package/h', type: '1', target: '../x' },
    ], ['a=1', 'b=2'], { strip: 1, links: 'drop' }],
    ['hard links with a stripped segment', [{ name: 'p/a', content: '1' }, { name: 'p/h', type: '1', target: 'p/a' }], ['a=1', 'h->a'], { strip: 1 }],
    ['links of a trusted builder', [{ name: 'python', type: '2', target: '/usr/bin/python3' }], ['python->/usr/bin/python3'], { links: 'keep' }],
    ['devices where they are dropped', [{ name: 'null', type: '3' }, { name: 'f' }], ['f='], { special: 'drop' }],
  ];

  test.each(table)('%s', async (_, entries, found, options) => {
    expect(await read(rawTar(entries), options)).toEqual(found);
    expect(await read(gzipSync(rawTar(entries)), options)).toEqual(found);
  });

  test('one path twice can be refused', async () => {
    expect((await refusal(read(rawTar([{ name: 'f' }, { name: './f' }]), { duplicates: 'refuse' }))).message).toContain('twice');
  });

  test('an archive of nothing', async () => {
    expect(await read(rawTar([]))).toEqual([]);
  });

  test('contents that are left, in part or whole, are skipped', async () => {
    const big = rawTar([{ name: 'a', content: 'a'.repeat(900_000) }, { name: 'b', content: 'b'.repeat(900_000) }, { name: 'c', content: 'end' }]);
    const seen: string[] = [];
    for await (const { entry, content } of readTar(streamOf(big, 65_536), { subject })) {
      if (entry.path === 'b') for await (const chunk of content) {
        seen.push(String((chunk as Buffer)[0]));
        break;
      }
      if (entry.path === 'c') seen.push((await buffer(content)).toString());
    }
    expect(seen).toEqual(['98', 'end']);
  });

  test('leaving early destroys the source', async () => {
    const source = streamOf(rawTar([{ name: 'a' }, { name: 'b' }]));
    for await (const { entry } of readTar(source, { subject })) if (entry.path === 'a') break;
    expect(source.destroyed).toBe(true);
  });

  test('leaving early while the source gives nothing is neither a crash nor a hang', async () => {
    const source = new Readable({ read: () => undefined });
    source.push(rawTar([{ name: 'a', content: 'x'.repeat(600_000) }]).subarray(0, 400_000));
    for await (const { content } of readTar(source, { subject })) {
      content.resume();
      await new Promise((resolve) => setImmediate(resolve));
      break;
    }
    expect(source.destroyed).toBe(true);
  });

  test("the source's own failure comes through as it is", async () => {
    const failure = new Failed({ reason: 'registry', message: 'the connection broke' });
    for (const bytes of [rawTar([{ name: 'a' }]), gzipSync(rawTar([{ name: 'a' }]))]) {
      const source = Readable.from((async function* () {
        yield bytes.subarray(0, 30);
        throw failure;
      })(), { objectMode: false });
      const read = async (): Promise<void> => {
        for await (const { content } of readTar(source, { subject })) content.resume();
      };
      await expect(read()).rejects.toBe(failure);
    }
  });
});

describe('bombs', () => {
  test('too many bytes', async () => {
    const bomb = gzipSync(Buffer.concat([rawEntry({ name: 'zeros', content: Buffer.alloc(20_000_000) }), Buffer.alloc(1024)]));
    expect((await refusal(read(bomb, { limits: { bytes: 1_000_000 } }))).message).toContain('bigger than 1000000');
  });

  test('a promise of more than there is costs nothing', async () => {
    expect((await refusal(read(rawTar([{ name: 'x', size: '77777777777' }])))).message).toContain('ends too early');
  });

  test('too many entries', async () => {
    expect((await refusal(read(rawTar(Array.from({ length: 11 }, (_, i) => ({ name: `f${i}` }))), { limits: { entries: 10 } }))).message).toContain('more than 10');
  });
});

describe('broken', () => {
  const whole = rawTar([{ name: 'a/b', content: 'x'.repeat(700) }, pax(paxRecord('path', 'long/name')), { name: 'y', content: 'yy' }, { name: 'l', type: '2', target: 'a' }]);

  test('every cut within an entry is noticed', async () => {
    const ends = [512 + 1024, 512 + 1024 + 1024 + 1024, 512 + 1024 + 1024 + 1024 + 512];
    for (let cut = 1; cut < whole.length - 1024; cut += 61) {
      if (!ends.includes(cut)) await refusal(read(whole.subarray(0, cut)));
    }
  });

  test('every cut of a gzip file is noticed', async () => {
    const zipped = gzipSync(whole);
    for (let cut = 3; cut < zipped.length; cut += 1) await refusal(read(zipped.subarray(0, cut)));
  });

  test('random damage is refused or harmless, never a bug', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), fc.boolean(), async (changes, zipped) => {
      const bytes = Buffer.from(zipped ? gzipSync(whole) : whole);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      try {
        for (const found of await read(bytes)) expect(found.startsWith('/') || found.includes('../')).toBe(false);
      } catch (error) {
        if (!(error instanceof Failed) || !error.has('archive')) throw error;
      }
    }), { numRuns: 400, seed: 7 });
  });
});

describe('extraction', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'wheelwright-extract-'));
    mkdirSync(join(dir, 'out'));
    writeFileSync(join(dir, 'outside'), 'untouched');
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const out = (): string => join(dir, 'out');
  const extract = (entries: readonly Raw[]): Promise<void> => extractTar(streamOf(rawTar(entries)), out(), { subject });

  test('never writes through a link that was there before', async () => {
    symlinkSync('../outside', join(out(), 'file'));
    symlinkSync('..', join(out(), 'folder'));
    await extract([{ name: 'file', content: 'new' }]);
    expect(readFileSync(join(dir, 'outside'), 'utf8')).toBe('untouched');
    expect(readFileSync(join(out(), 'file'), 'utf8')).toBe('new');
    await refusal(extract([{ name: 'folder/outside', content: 'new' }]));
    await refusal(extract([{ name: 'folder/', type: '5' }]));
    await refusal(extract([{ name: 'f' }, { name: 'h', type: '1', target: 'folder/outside' }]));
    expect(readFileSync(join(dir, 'outside'), 'utf8')).toBe('untouched');
  });

  test('a hard link to a link is no way out', async () => {
    await refusal(extract([{ name: 'l', type: '2', target: 'x' }, { name: 'h', type: '1', target: 'l' }, { name: 'h', content: 'new' }]));
  });

  test('nothing leaves the folder, whatever the archive says', async () => {
    for (const name of ['../x', '/tmp/wheelwright-evil', 'a/../../x']) await refusal(extract([{ name, content: 'x' }]));
    expect(existsSync(join(dir, 'x'))).toBe(false);
  });

  test('fills a read-only folder, later entries win, folders get their own mode and time last', async () => {
    await extract([{ name: 'd', type: '5', mode: '0000555' }, { name: 'd/f', content: '1', mode: '0000400' }, { name: 'd/f', content: '2', mode: '0004755' }]);
    expect(readFileSync(join(out(), 'd/f'), 'utf8')).toBe('2');
    expect(statSync(join(out(), 'd')).mode & 0o7777).toBe(0o555);
    expect(statSync(join(out(), 'd/f')).mode & 0o7777).toBe(0o4755);
    expect(statSync(join(out(), 'd')).mtimeMs).toBe(0);
  });

  test('with one time for all, a map, and our own owner', async () => {
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await extractTar(streamOf(rawTar([{ name: 'a/f' }, { name: 'skip/me' }, { name: 'l', type: '2', target: 'a' }])), out(), {
      subject, mtime: 1000, owner, map: (entry) => (entry.path.startsWith('skip') ? undefined : { ...entry, mode: 0o600 }),
    });
    expect(existsSync(join(out(), 'skip'))).toBe(false);
    expect([statSync(join(out(), 'a')).mtimeMs, statSync(join(out(), 'a/f')).mtimeMs, statSync(join(out(), 'a/f')).mode & 0o777]).toEqual([1_000_000, 1_000_000, 0o600]);
  });
});
