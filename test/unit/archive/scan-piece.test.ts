import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { buildPiece } from '../../../src/archive/build-piece.js';
import type { Entry } from '../../../src/archive/entry.js';
import { pieceIndex } from '../../../src/archive/read-piece.js';
import { PieceScanner } from '../../../src/archive/scan-piece.js';
import { Failed } from '../../../src/core/failure.js';
import { paxRecord, rawEntry, rawTar, type Raw } from './raw-tar.js';
import { sampleTrees } from './trees.js';

function scan(tar: Buffer, size = tar.length): readonly Entry[] {
  const scanner = new PieceScanner('the piece');
  // As pieces are read: all into the same memory.
  const memory = Buffer.alloc(size);
  for (let at = 0; at < tar.length; at += size) scanner.feed(memory.subarray(0, tar.copy(memory, 0, at, at + size)));
  return scanner.end();
}

/** Undefined where it is refused. */
function scanned(tar: Buffer): readonly Entry[] | undefined {
  try {
    return scan(tar);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return undefined;
  }
}

const shown = (entries: readonly Entry[]): readonly unknown[] => entries.map((entry) => [entry.type, entry.path, entry.mode, entry.type === 'file' ? entry.size : entry.type === 'directory' ? '' : entry.target]);
const read = async (tar: Buffer): Promise<readonly unknown[]> => shown((await pieceIndex(Readable.from([tar], { objectMode: false }), 'piece')).map(({ entry }) => entry));
const pax = (...records: Buffer[]): Raw => ({ name: 'PaxHeader', type: 'x', content: Buffer.concat(records) });

describe('PieceScanner', () => {
  test.each(sampleTrees(12).map((tree, index) => [index, tree] as const))('tells what the other reader does, however it is cut: tree %i', async (_, tree) => {
    const items = tree.filter(({ type }) => type !== 'hardlink').map(({ path, type, mode, content, target }) => {
      const common = { path, mode, uid: 0, gid: 0, mtime: 0 };
      if (type === 'file') return { entry: { type, ...common, size: content?.length ?? 0 }, content: content as Buffer };
      return { entry: type === 'directory' ? { type, ...common } : { type: 'symlink' as const, ...common, target: target as string } };
    });
    const piece = await buffer(await buildPiece(items, { subject: 'tree' }));
    const before = Buffer.from(piece);
    const wanted = await read(piece);
    for (const size of [511, 700, 65_536, piece.length]) expect(shown(scan(piece, size))).toEqual(wanted);
    // Others read the very bytes.
    expect(piece.equals(before)).toBe(true);
  });

  test('takes nothing that the other reader understands in another way', async () => {
    let taken = 0;
    const name = fc.oneof(fc.constantFrom('a', 'b', 'd/a', 'd', './a', 'a/', '../a', '/a', 'a\\..\\b', '\ufffd'), fc.string({ maxLength: 12 }));
    const raw = fc.record({
      name, type: fc.constantFrom('0', '0', '5', '2', 'x', '1', 'L', 'K', 'g', 'S', '7', '\0', 'V', 'D'), target: name, content: fc.constantFrom('', 'text', 'x'.repeat(600)),
      mode: fc.constantFrom('0000644', '0000755', '0004755', '9zz'), magic: fc.constantFrom('ustar\x0000', 'ustar\x0000', 'ustar  \0', ''), prefix: fc.constantFrom(undefined, undefined, 'p', 'p/q'),
      size: fc.constantFrom(undefined, undefined, undefined, '', '99', '\x80\0\0\0\0\0\0\0\0\0\0\x04'),
    }, { requiredKeys: [] });
    const sane = fc.oneof(
      fc.record({ name: fc.constantFrom('a', 'b', 'd/a', './c'), content: fc.constantFrom('', 'text', 'x'.repeat(600)) }),
      fc.record({ name: fc.constantFrom('d', 'e/', 'd/f'), type: fc.constant('5') }),
      fc.record({ name: fc.constantFrom('l', 'd/l'), type: fc.constant('2'), target: name }),
    );
    const meta = fc.array(fc.tuple(fc.constantFrom('path', 'linkpath', 'size', 'mtime', 'GNU.sparse.major', 'uid'), fc.constantFrom('x/y', 'z', '4', '', '0', '-1')), { minLength: 1, maxLength: 2 })
      .map((records) => pax(...records.map(([keyword, value]) => paxRecord(keyword, value))));
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 1 });
    await fc.assert(fc.asyncProperty(fc.array(fc.oneof({ arbitrary: sane, weight: 6 }, { arbitrary: raw, weight: 1 }, { arbitrary: meta, weight: 1 }), { minLength: 1, maxLength: 3 }), flips, fc.boolean(), async (entries, changes, cut) => {
      const tar = rawTar(entries as Raw[]);
      for (const [at, byte] of changes) tar[at % tar.length] = byte;
      const found = scanned(cut ? tar.subarray(0, -1024) : tar);
      if (found === undefined) return;
      taken += 1;
      expect(shown(found)).toEqual(await read(tar));
    }), { numRuns: 3000, seed: 5 });
    expect(taken).toBeGreaterThan(100);
  });

  test.each([
    ['a hard link', [{ name: 'a' }, { name: 'b', type: '1', target: 'a' }], /type "1"/],
    ['one path twice', [{ name: 'a' }, { name: './a' }], /"a" is there twice/],
    ['a name that leaves the tree', [{ name: '../a' }], /"\.\.\/a" has a "\.\." segment/],
    ['a file below a link', [{ name: 'l', type: '2', target: '/etc' }, { name: 'l/a' }], /writes through the link "l"/],
    ['a device', [{ name: 'd', type: '3' }], /type "3"/],
    ['a wrong checksum', [{ name: 'a', checksum: '000001\0 ' }], /wrong checksum/],
    ['two pax headers', [pax(paxRecord('path', 'a')), pax(paxRecord('path', 'b')), { name: 'c' }], /two pax headers/],
    ['a sparse file', [pax(paxRecord('GNU.sparse.major', '1')), { name: 'a' }], /GNU\.sparse\.major/],
    ['a size that is none', [pax(paxRecord('size', '-1')), { name: 'a' }], /bad size/],
  ] as const)('refuses %s', (_, entries, message) => {
    expect(() => scan(rawTar(entries as readonly Raw[]))).toThrow(message);
  });

  test('what is no whole archive is refused', () => {
    expect(() => scan(rawEntry({ name: 'a', content: 'text' }))).toThrow('the piece is not a whole tar archive');
    expect(() => scan(rawTar([{ name: 'a', content: 'x'.repeat(2000) }]).subarray(0, 1000))).toThrow('not a whole tar archive');
  });
});
