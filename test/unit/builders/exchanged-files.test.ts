import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ExchangedFiles } from '../../../src/builders/exchanged-files.js';
import { inTemporaryFolder } from '../../support/temporary.js';

/** Files of one command; `path` is where the container has one of them. */
async function exchanging(work: (files: ExchangedFiles, path: (name: string) => string, outside: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    const outside = join(dir, 'exchange');
    await mkdir(outside);
    const files = new ExchangedFiles({ inside: '/in', outside });
    expect(files.inside).toMatch(/^\/in\/[0-9a-f-]{36}-$/);
    await work(files, (name) => join(outside, files.inside.slice('/in/'.length) + name), outside);
  });
}

async function textOf(content: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

test('what is put is there for nobody else, and what is taken is gone', async () => {
  await exchanging(async (files, path, outside) => {
    await files.put('1.whl', Readable.from([Buffer.from('a '), Buffer.from('wheel')]));
    expect(await readFile(path('1.whl'), 'utf8')).toBe('a wheel');
    expect((await stat(path('1.whl'))).mode & 0o777).toBe(0o600);
    await files.discard('1.whl');
    await files.discard('1.whl');
    await writeFile(path('1.tar'), 'a piece');
    expect(await files.take('1.tar', 7, textOf)).toBe('a piece');
    expect(await readdir(outside)).toEqual([]);
  });
});

test('a big file, and one that grows or shrinks meanwhile', async () => {
  await exchanging(async (files, path) => {
    const big = randomBytes(1_200_000).toString('hex');
    await writeFile(path('1.tar'), big);
    expect(await files.take('1.tar', big.length, textOf)).toBe(big);
    for (const [now, wanted] of [['a piece and more', 'a piece'], ['a', 'a']] as const) {
      await writeFile(path('2.tar'), 'a piece');
      const handle = await open(path('2.tar'), 'r+');
      const changed = async (content: AsyncIterable<Buffer>): Promise<string> => {
        await handle.truncate(0);
        await handle.writeFile(now);
        await handle.close();
        return textOf(content);
      };
      expect(await files.take('2.tar', 7, changed)).toBe(wanted);
    }
    await writeFile(path('3.tar'), '');
    expect(await files.take('3.tar', 0, textOf)).toBe('');
  });
});

test('two commands have nothing in common', async () => {
  await exchanging(async (files) => {
    expect(new ExchangedFiles({ inside: '/in', outside: '/out' }).inside).not.toBe(files.inside);
  });
});

test('a name that the container took first is not written over', async () => {
  await exchanging(async (files, path, outside) => {
    await writeFile(join(outside, 'own'), 'own');
    await symlink(join(outside, 'own'), path('1.whl'));
    await expect(files.put('1.whl', Readable.from(['other']))).rejects.toThrow('EEXIST');
    expect(await readFile(join(outside, 'own'), 'utf8')).toBe('own');
  });
});

const ODD: readonly (readonly [string, (path: string) => Promise<unknown>, string])[] = [
  ['a link', (path: string) => symlink('/etc/passwd', path), 'cannot be opened'],
  ['a pipe', async (path: string) => void execFileSync('mkfifo', [path]), 'is no file'],
  ['a folder', (path: string) => mkdir(path), 'is no file'],
  ['a file of another size', (path: string) => writeFile(path, 'more than was said'), 'has 18 bytes and not 4'],
  ['nothing', () => Promise.resolve(), 'cannot be opened'],
];

test.each(ODD)('%s is not taken', async (_, make, what) => {
  await exchanging(async (files, path) => {
    await make(path('1.tar'));
    await expect(files.take('1.tar', 4, textOf)).rejects.toThrow(`what the builder left in ${path('1.tar')} ${what}`);
  });
});
