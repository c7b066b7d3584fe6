import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildPiece } from '../../../src/archive/build-piece.js';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { extractTar } from '../../../src/archive/extract-tar.js';
import { pieceIndex } from '../../../src/archive/read-piece.js';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { directoryItems, tarDirectory } from '../../../src/archive/tar-directory.js';
import { makeTree, sampleTrees, snapshot } from './trees.js';

// GNU tar and Python's tarfile are the oracles, in both directions. All trees go into one folder: one process for each oracle.
let dir: string;
let source: string;
let expected: string[];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'wheelwright-tar-'));
  source = join(dir, 'source');
  for (const [index, tree] of sampleTrees(30).entries()) makeTree(join(source, `tree-${index}`), tree);
  expected = snapshot(source);
});

afterAll(() => {
  execFileSync('chmod', ['-R', 'u+rwX', dir]);
  rmSync(dir, { recursive: true });
});

/** Runs Python with the folder as working directory. */
function python(script: string, ...args: string[]): string {
  return execFileSync('python3', ['-I', '-c', script, ...args], { cwd: dir, encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' } });
}

/** An empty folder for something to be extracted into. */
function folder(name: string): string {
  mkdirSync(join(dir, name));
  return join(dir, name);
}

describe('what we write', () => {
  let ours: string;
  beforeAll(async () => {
    ours = join(dir, 'ours.tar');
    await pipeline(tarDirectory(source), createWriteStream(ours));
  });

  test('GNU tar extracts to the same tree, without a word', () => {
    const out = folder('by-gnu-tar');
    expect(execFileSync('tar', ['-xpf', ours, '-C', out, '--delay-directory-restore'], { encoding: 'utf8', stdio: 'pipe' })).toBe('');
    expect(snapshot(out)).toEqual(expected);
  });

  test("Python's tarfile extracts to the same tree", () => {
    folder('by-python');
    python("import tarfile\ntarfile.open('ours.tar').extractall('by-python', filter='fully_trusted')");
    expect(snapshot(join(dir, 'by-python'))).toEqual(expected);
  });

  test('we extract to the same tree, whatever the umask', async () => {
    const out = folder('by-us');
    const before = process.umask(0o077);
    try {
      await extractTar(createReadStream(ours), out, { subject: 'ours.tar' });
    } finally {
      process.umask(before);
    }
    expect(snapshot(out)).toEqual(expected);
  });

  test('is the same bytes for an extracted copy: sorted as a walk comes to them, one time, owner 0:0, no names', async () => {
    const copy = await buffer(tarDirectory(join(dir, 'by-gnu-tar')));
    expect(copy.equals(await buffer(createReadStream(ours)))).toBe(true);
    const facts = python(`
import tarfile
members = tarfile.open('ours.tar').getmembers()
assert all((m.uid, m.gid, m.uname, m.gname, m.mtime) == (0, 0, '', '', ${FIXED_TIME}) for m in members)
names = [m.name for m in members]
assert names == sorted(names, key=lambda name: name.split('/')), 'order'
plain = [m for m in members if not m.pax_headers]
assert any(len(m.name) > 100 for m in plain), 'long names that ustar can hold'
for m in members:
    needed = set()
    if not m.name.isascii() or not fits(m.name + ('/' if m.isdir() else '')): needed.add('path')
    if m.issym() or m.islnk():
        if not m.linkname.isascii() or len(m.linkname) > 100: needed.add('linkpath')
    assert needed <= set(m.pax_headers) <= ({'path', 'linkpath'} if needed else set()), (m.name, m.pax_headers)
print(len(members))
`.replace('import tarfile', `import tarfile
def fits(name):
    return len(name) <= 100 or any(c == '/' and 0 < i <= 155 and i < len(name) - 1 and len(name) - i - 1 <= 100 for i, c in enumerate(name))`));
    expect(Number(facts)).toBe(expected.length);
  });

  test('is a piece that can be rebuilt from any order of its entries', async () => {
    const items = [];
    for await (const { entry, content } of readTar(createReadStream(ours), { subject: 'ours.tar' })) items.push({ entry, content: await buffer(content) });
    const links = items.filter(({ entry }) => entry.type === 'hardlink');
    const others = items.filter(({ entry }) => entry.type !== 'hardlink' && entry.type !== 'directory').reverse();
    const folders = items.filter(({ entry }) => entry.type === 'directory');
    const options = { subject: 'ours', memory: 100_000, spool: dir };
    const rebuilt = await buffer(await buildPiece([...others, ...links.reverse(), ...folders], options));
    expect(rebuilt.equals(await buffer(createReadStream(ours)))).toBe(true);
    const ofFolder = [];
    for await (const { entry, content } of directoryItems(source)) ofFolder.push({ entry: { ...entry, mtime: FIXED_TIME, uid: 0, gid: 0 }, ...(content === undefined ? {} : { content }) });
    expect(rebuilt.equals(await buffer(tarOf(ofFolder)))).toBe(true);
  });

  test('has the contents where its index says', async () => {
    const bytes = await buffer(createReadStream(ours));
    const index = await pieceIndex(createReadStream(ours), 'ours');
    const offsets = JSON.parse(python("import json, tarfile\nprint(json.dumps({m.name: m.offset_data for m in tarfile.open('ours.tar') if m.isreg() and m.size}))")) as Record<string, number>;
    const files = index.filter(({ entry }) => entry.type === 'file' && entry.size > 0);
    expect(Object.fromEntries(files.map(({ entry, offset }) => [entry.path, offset]))).toEqual(offsets);
    expect(bytes.length % 512).toBe(0);
  });
});

describe('what we read', () => {
  async function readBack(archive: string, out: string): Promise<string[]> {
    await extractTar(createReadStream(join(dir, archive)), folder(out), { subject: archive });
    return snapshot(join(dir, out));
  }

  test.each(['gnu', 'oldgnu', 'pax'])('GNU tar, format %s', async (format) => {
    execFileSync('tar', [`--format=${format}`, '-cf', join(dir, `gnu-${format}.tar`), '-C', source, '.']);
    expect(await readBack(`gnu-${format}.tar`, `read-gnu-${format}`)).toEqual(expected);
  });

  test.each(['v7', 'ustar'])('GNU tar, format %s: what it can hold', async (format) => {
    const small = join(dir, `small-${format}`);
    makeTree(small, [
      { path: 'sub', type: 'directory', mode: 0o700 },
      { path: 'sub/empty', type: 'directory', mode: 0o755 },
      { path: 'sub/file', type: 'file', mode: 0o640, content: Buffer.from('x') },
      { path: 'sub/hard', type: 'hardlink', mode: 0o640, target: 'sub/file' },
      { path: 'sub/link', type: 'symlink', mode: 0o777, target: 'file' },
      ...(format === 'ustar' ? [{ path: `${'d'.repeat(90)}/${'f'.repeat(90)}`, type: 'file' as const, mode: 0o644, content: Buffer.alloc(3000, 'y') }] : []),
    ]);
    execFileSync('tar', [`--format=${format}`, '-czf', join(dir, `gnu-${format}.tar`), '-C', small, '.']);
    expect(await readBack(`gnu-${format}.tar`, `read-gnu-${format}`)).toEqual(snapshot(small));
  });

  test.each(['GNU', 'PAX'])("Python's tarfile, format %s, gzip", async (format) => {
    python(`import tarfile\nwith tarfile.open('py.tar.gz', 'w:gz', format=tarfile.${format}_FORMAT, compresslevel=1) as t: t.add('source', arcname='')`);
    expect(await readBack('py.tar.gz', `read-py-${format}`)).toEqual(expected);
  });

  test('sizes and times that only base-256 or pax can hold', async () => {
    python(`
import tarfile, io
for name, format in (('gnu', tarfile.GNU_FORMAT), ('pax', tarfile.PAX_FORMAT)):
    with tarfile.open(f'big-{name}.tar', 'w', format=format) as t:
        m = tarfile.TarInfo('a'); m.uid = 3000000; m.gid = 2**31; m.mtime = -5; m.size = 1; m.mode = 0o644
        t.addfile(m, io.BytesIO(b'x'))
        m = tarfile.TarInfo('b'); m.mtime = 2**34; m.size = 0
        t.addfile(m)
`);
    for (const name of ['gnu', 'pax']) {
      const entries = [];
      for await (const { entry } of readTar(createReadStream(join(dir, `big-${name}.tar`)), { subject: 'big' })) entries.push(entry);
      expect(entries).toEqual([
        { type: 'file', path: 'a', mode: 0o644, uid: 3_000_000, gid: 2 ** 31, mtime: -5, size: 1 },
        { type: 'file', path: 'b', mode: 0o644, uid: 0, gid: 0, mtime: 2 ** 34, size: 0 },
      ]);
    }
  });

  test('global pax headers, as git archive writes them', async () => {
    python(`
import tarfile, io
with tarfile.open('global.tar', 'w', format=tarfile.PAX_FORMAT, pax_headers={'comment': 'c0ffee', 'mtime': '77.5'}) as t:
    m = tarfile.TarInfo('repo-1/file'); m.size = 1; t.addfile(m, io.BytesIO(b'x'))
`);
    const entries = [];
    for await (const { entry } of readTar(createReadStream(join(dir, 'global.tar')), { subject: 'global', strip: 1 })) entries.push(entry);
    expect(entries).toMatchObject([{ path: 'file', mtime: 77 }]);
  });

  test('entries after the end of the archive are no entries, for tarfile neither', async () => {
    const one = await buffer(tarDirectory(join(source, 'tree-0')));
    writeFileSync(join(dir, 'two.tar'), Buffer.concat([one, one, Buffer.from('trailing garbage')]));
    const count = Number(python("import tarfile\nprint(len(tarfile.open('two.tar').getmembers()))"));
    expect(await pieceIndex(createReadStream(join(dir, 'two.tar')), 'two')).toHaveLength(count);
  });
});
