import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import type { Entry } from '../../../src/archive/entry.js';
import { buildPiece } from '../../../src/archive/build-piece.js';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { PieceRewriter, type Rewrite } from '../../../src/archive/rewrite-piece.js';
import { Failed } from '../../../src/core/failure.js';
import { sampleTrees, type TreeNode } from './trees.js';

const END = Buffer.alloc(1024);

function rewritten(piece: Buffer, size: number, rewrite: Rewrite): Buffer {
  const rewriter = new PieceRewriter('piece', rewrite);
  const out: Buffer[] = [];
  // Chunks of their own: they are changed.
  for (let at = 0; at < piece.length; at += size) out.push(...rewriter.feed(Buffer.from(piece.subarray(at, at + size))));
  rewriter.end();
  return Buffer.concat([...out, END]);
}

async function listed(tar: Buffer): Promise<[Entry, string][]> {
  const found: [Entry, string][] = [];
  for await (const { entry, content } of readTar(Readable.from([tar], { objectMode: false }), { subject: 'tar', links: 'keep' })) found.push([entry, (await buffer(content)).toString('latin1')]);
  return found;
}

function itemOf({ path, type, mode, content, target }: TreeNode): PackItem {
  const common = { path, mode, uid: 0, gid: 0, mtime: 0 };
  if (type === 'file') return { entry: { type, ...common, size: content?.length ?? 0 }, content: content as Buffer };
  return { entry: type === 'directory' ? { type, ...common } : { type, ...common, target: target as string } };
}

const below = (entry: Entry): Entry => (entry.type === 'hardlink' ? { ...entry, path: `at/${entry.path}`, target: `at/${entry.target}` } : { ...entry, path: `at/${entry.path}` });

describe('PieceRewriter', () => {
  test.each(sampleTrees(12).map((tree, index) => [index, tree] as const))('other places, and some left out, however it is cut: tree %i', async (_, tree) => {
    const piece = await buffer(await buildPiece(tree.map(itemOf), { subject: 'tree' }));
    const entries = await listed(piece);
    const links = new Set(entries.flatMap(([entry]) => (entry.type === 'hardlink' ? [entry.target] : [])));
    const keep = (entry: Entry): boolean => links.has(entry.path) || entry.path.length % 3 !== 0;
    const wanted = entries.filter(([entry]) => keep(entry)).map(([entry, content]) => [below(entry), content]);
    for (const size of [1, 511, 512, 700, 4096, 65_536, piece.length]) {
      if (size < 512 && piece.length > 100_000) continue;
      expect(await listed(rewritten(piece, size, (entry) => (keep(entry) ? below(entry) : undefined)))).toEqual(wanted);
    }
  });

  test('contents stay where they are: one chunk comes out as one', async () => {
    const piece = await buffer(await buildPiece([itemOf({ path: 'a', type: 'file', mode: 0o644, content: Buffer.alloc(5000, 'a') }), itemOf({ path: 'b', type: 'file', mode: 0o644, content: Buffer.alloc(10, 'b') })], { subject: 'x' }));
    const chunk = Buffer.from(piece);
    const [out, ...rest] = new PieceRewriter('x', below).feed(chunk);
    expect(rest).toEqual([]);
    expect(out?.buffer).toBe(chunk.buffer);
    expect(out?.length).toBe(piece.length - 1024);
  });

  test('what is no whole tar is refused', async () => {
    const piece = await buffer(await buildPiece([itemOf({ path: 'a', type: 'file', mode: 0o644, content: Buffer.alloc(5000, 'a') })], { subject: 'x' }));
    for (const bytes of [Buffer.alloc(0), piece.subarray(0, 300), piece.subarray(0, 2000), piece.subarray(0, 5632), Buffer.alloc(2048, 'corrupt')]) {
      expect(() => rewritten(bytes, 1000, below)).toThrow(Failed);
    }
  });

  test('a file can become nothing of another size', async () => {
    const piece = await buffer(await buildPiece([itemOf({ path: 'a', type: 'file', mode: 0o644, content: Buffer.from('a') })], { subject: 'x' }));
    expect(() => rewritten(piece, 1000, (entry) => ({ ...entry, type: 'symlink', target: 'x' }))).toThrow('would lose its content');
  });
});
