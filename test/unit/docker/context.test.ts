import { beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmod, lstat, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { readContext, type ContextOptions } from '../../../src/docker/context.js';
import { Patterns } from '../../../src/docker/pattern.js';
import { Reach } from '../../../src/docker/reach.js';
import { openStatCache } from '../../../src/docker/stat-cache.js';
import { temporaryFolder, writeTree } from '../../support/images/project.js';

let root: string;
beforeEach(async () => {
  root = await temporaryFolder();
});

async function paths(sources: string[], more: Partial<ContextOptions> = {}): Promise<string> {
  const reach = new Reach(sources.map((pattern) => ({ pattern, parents: false })));
  const entries = await readContext({ root, ignore: new Patterns([]), reach, statCache: openStatCache(), ...more });
  return entries.map(({ path }) => path).join(' ');
}

describe('what of a context can reach the image', () => {
  beforeEach(() => writeTree(root, { 'a.txt': '1', 'b.md': '2', 'src/x.py': '3', 'src/sub/y.py': '4', 'empty/': '', '.dockerignore': '', 'a b/c': '5' }));

  test.each([
    [['.'], 'a b a b/c a.txt b.md empty src src/sub src/sub/y.py src/x.py'],
    [['/'], 'a b a b/c a.txt b.md empty src src/sub src/sub/y.py src/x.py'],
    [['a.txt'], 'a.txt'],
    [['./a.txt', '/b.md', '../src/x.py'], 'a.txt b.md src/x.py'],
    [['src'], 'src src/sub src/sub/y.py src/x.py'],
    [['src/'], 'src src/sub src/sub/y.py src/x.py'],
    [['src/sub/y.py'], 'src/sub/y.py'],
    [['*.txt'], 'a.txt'],
    [['*/*.py'], 'src/x.py'],
    [['s*/s*'], 'src/sub src/sub/y.py'],
    [['s?c'], 'src src/sub src/sub/y.py src/x.py'],
    [['**/*.py'], 'a b a b/c a.txt b.md empty src src/sub src/sub/y.py src/x.py'],
    [['src/**/y.py'], 'src/sub src/sub/y.py src/x.py'],
    [['[ab].*'], 'a.txt b.md'],
    [['a b'], 'a b a b/c'],
    [['missing'], ''],
    [['[a'], 'a b a b/c a.txt b.md empty src src/sub src/sub/y.py src/x.py'],
  ])('%j', async (sources, expected) => {
    expect(await paths(sources)).toBe(expected);
  });

  test('folders above a source count where they are copied too', async () => {
    const reach = new Reach([{ pattern: 'src/sub/y.py', parents: true }]);
    const entries = await readContext({ root, ignore: new Patterns([]), reach, statCache: openStatCache() });
    expect(entries.map(({ path }) => path)).toEqual(['src', 'src/sub', 'src/sub/y.py']);
  });

  test('include globs narrow it', async () => {
    expect(await paths(['.'], { include: new Patterns(['src/**', 'a.txt']) })).toBe('a.txt src src/sub src/sub/y.py src/x.py');
    expect(await paths(['.'], { include: new Patterns(['**/*.py']), ignore: new Patterns(['src/sub']) })).toBe('src src/x.py');
  });

  test('what is omitted is not even read', async () => {
    expect(await paths(['.'], { omit: ['src', 'a b'] })).toBe('a.txt b.md empty');
  });
});

describe('links', () => {
  test('stay links, and are followed only where a source names them', async () => {
    await writeTree(root, { 'real/f': '1', 'real/g': '2', 'in/link': '→ ../real/f', dir: '→ real', file: '→ real/g', out: '→ /etc/passwd', loop: '→ loop' });
    expect(await paths(['in'])).toBe('in in/link');
    expect(await paths(['file'])).toBe('file real/g');
    expect(await paths(['dir'])).toBe('dir real real/f real/g');
    expect(await paths(['dir/g'])).toBe('dir real/g');
    expect(await paths(['d*/g'])).toBe('dir real/g');
    expect(await paths(['out'])).toBe('out');
    expect(await paths(['loop'])).toBe('loop');
  });

  test('to names with the characters of patterns are taken literally', async () => {
    await writeTree(root, { 'a[b]': '1', ab: '2', link: '→ a[b]' });
    expect(await paths(['link'])).toBe('a[b] link');
  });
});

test('modes count, sockets and fifos are left out', async () => {
  await writeTree(root, { a: '1', b: '2' });
  await chmod(join(root, 'b'), 0o4755);
  execFileSync('mkfifo', [join(root, 'fifo')]);
  const entries = await readContext({ root, ignore: new Patterns([]), statCache: openStatCache() });
  expect(entries.map(({ path, mode }) => [path, mode.toString(8)])).toEqual([['a', '644'], ['b', '4755']]);
});

describe('the stat cache', () => {
  /** Hashes the context and gives how many files were read for it. */
  async function reads(): Promise<number> {
    const cache = openStatCache(join(root, '../', `${root.split('/').pop()}.cache`));
    await readContext({ root, ignore: new Patterns([]), statCache: cache });
    await cache.save();
    return cache.reads;
  }
  const settle = () => setTimeout(50);

  beforeEach(async () => {
    await writeTree(root, { a: 'one', b: 'two', 'c/d': 'three' });
    await settle();
  });

  test('reads an unchanged file once', async () => {
    expect(await reads()).toBe(3);
    expect(await reads()).toBe(0);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['other content', () => writeFile(join(root, 'a'), 'uno')],
    ['other content under the old time', async () => {
      const { mtime } = await stat(join(root, 'a'));
      await writeFile(join(root, 'a'), 'uno');
      await utimes(join(root, 'a'), mtime, mtime);
    }],
    ['another file of the same size and time', async () => {
      const { mtime } = await stat(join(root, 'a'));
      await writeFile(join(root, 'new'), 'uno');
      await utimes(join(root, 'new'), mtime, mtime);
      await rename(join(root, 'new'), join(root, 'a'));
    }],
    ['a touched file', () => utimes(join(root, 'a'), 1, 1)],
  ])('reads again: %s', async (_, change) => {
    await reads();
    await change();
    await settle();
    expect(await reads()).toBe(1);
    expect(await reads()).toBe(0);
  });

  test('a file that is changed in the tick of its reading is never taken for the old one', async () => {
    for (let round = 0; round < 60; round += 1) {
      const path = join(root, 'a');
      const cacheFile = join(root, '..', `${root.split('/').pop()}-race.cache`);
      const hashOf = async () => {
        const cache = openStatCache(cacheFile);
        const [entry] = await readContext({ root, ignore: new Patterns(['b', 'c']), statCache: cache });
        await cache.save();
        return entry!.type === 'file' ? entry!.hash : '';
      };
      await writeFile(path, `x${round % 10}`);
      const before = await hashOf();
      await writeFile(path, `y${round % 10}`);
      expect(await hashOf()).not.toBe(before);
    }
  });

  test('a damaged cache file is an empty one', async () => {
    const file = join(root, '..', `${root.split('/').pop()}.cache`);
    await reads();
    await writeFile(file, (await readFile(file, 'utf8')).replace(/[0-9a-f]{64} 1 /, `${'0'.repeat(64)} 1 `));
    expect(await reads()).toBe(3);
    await rm(file);
  });

  test('a file whose place something else has taken since it was seen is not read', async () => {
    const [path, secret] = [join(root, 'a'), join(root, 'b')];
    for (const take of [() => symlink(secret, path), () => execFileSync('mkfifo', [path]), () => rename(secret, path)]) {
      const status = await lstat(path, { bigint: true });
      // Kept under another name, or its inode would be given to what comes.
      await rename(path, join(root, 'old'));
      await take();
      await expect(openStatCache().hash('a', path, status)).rejects.toThrow(/a changed while it was read/);
      await rm(path);
      await writeFile(path, 'one');
    }
  });
});
