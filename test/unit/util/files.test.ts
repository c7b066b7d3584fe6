import { describe, expect, test } from '@jest/globals';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failed } from '../../../src/core/failure.js';
import { atomicWrite } from '../../../src/util/atomic-write.js';
import { diskProblem, onDisk } from '../../../src/util/disk.js';
import { folderSync } from '../../../src/util/folder-sync.js';
import { makeFolder, realFolder } from '../../../src/util/make-folder.js';
import { removeTree } from '../../../src/util/remove-tree.js';

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wheelwright-util-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('atomicWrite', () => {
  test('replaces a file with an exact mode; a failure leaves the old one and no temporary file', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'file');
      const temp = join(folder, 'temp');
      await atomicWrite(path, 'one', { temp, mode: 0o640 });
      expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o7777]).toEqual(['one', 0o640]);
      mkdirSync(join(folder, 'taken'));
      await expect(atomicWrite(join(folder, 'taken'), 'two', { temp })).rejects.toThrow(/EISDIR/);
      expect(readdirSync(folder).sort()).toEqual(['file', 'taken']);
    }));
});

describe('disk failures', () => {
  test('codes of the disk become Failed with path and advice, other errors pass', async () => {
    const full = Object.assign(new Error('x'), { code: 'ENOSPC', path: '/a/b' });
    await expect(onDisk('/a', () => Promise.reject(full))).rejects.toBeInstanceOf(Failed);
    expect(diskProblem(full, '/a')?.message).toBe("can't write to /a: no space left on the disk");
    expect(diskProblem(Object.assign(new Error(), { code: 'EMFILE' }), '/a')?.advice).toMatch(/ulimit/);
    const other = Object.assign(new Error('x'), { code: 'ECONNRESET' });
    await expect(onDisk('/a', () => Promise.reject(other))).rejects.toBe(other);
    expect(diskProblem('text', '/a')).toBeUndefined();
  });
});

test('folderSync shares syncs between callers and never fails', () =>
  inFolder(async (folder) => {
    const sync = folderSync(folder);
    await Promise.all(Array.from({ length: 100 }, () => sync()));
    await folderSync(join(folder, 'not there'))();
  }));

test('makeFolder makes parents 0755 under any umask, keeps what exists, and fails below a file and a dead link', () =>
  inFolder(async (folder) => {
    const before = process.umask(0o077);
    try {
      makeFolder(join(folder, 'a/b'));
      makeFolder(join(folder, 'a/b'));
    } finally {
      process.umask(before);
    }
    expect([statSync(join(folder, 'a')).mode & 0o777, statSync(join(folder, 'a/b')).mode & 0o777]).toEqual([0o755, 0o755]);
    writeFileSync(join(folder, 'file'), '');
    expect(() => makeFolder(join(folder, 'file/x'))).toThrow(/ENOTDIR/);
    symlinkSync('nowhere', join(folder, 'link'));
    expect(() => makeFolder(join(folder, 'link/x'))).toThrow(/ENOENT/);
  }));

test('removeTree removes read-only folders, not what links point to, and takes an absent path', () =>
  inFolder(async (folder) => {
    mkdirSync(join(folder, 'keep'));
    writeFileSync(join(folder, 'keep/file'), '');
    mkdirSync(join(folder, 'tree/locked'), { recursive: true });
    writeFileSync(join(folder, 'tree/locked/file'), '');
    symlinkSync('../keep', join(folder, 'tree/link'));
    chmodSync(join(folder, 'tree/locked'), 0o500);
    await removeTree(join(folder, 'tree'));
    await removeTree(join(folder, 'tree'));
    expect([existsSync(join(folder, 'tree')), existsSync(join(folder, 'keep/file'))]).toEqual([false, true]);
  }));

test('realFolder makes a folder with its parents, keeps one that is there, and takes no link for one', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'a/b');
    expect([await realFolder(path), await realFolder(path)]).toEqual([path, path]);
    symlinkSync(folder, join(folder, 'link'));
    await expect(realFolder(join(folder, 'link'))).rejects.toThrow(/is a link/);
  }));
