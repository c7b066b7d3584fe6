import { execFileSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Entry } from '../../../src/archive/entry.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { headerBlocks, writeHeader } from '../../../src/archive/write-header.js';

const segment = fc.oneof(fc.constantFrom('a', 'lib', 'x y', 'ünï', '日本語'), fc.constantFrom(1, 40, 98, 99, 100, 101, 155, 156).map((length) => 'n'.repeat(length)));
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'));
const common = { path, mode: fc.integer({ min: 0, max: 0o7777 }), uid: fc.constantFrom(0, 1000, 65_534, 2_097_151, 2_097_152, 4_294_967_294), gid: fc.constantFrom(0, 5, 2_097_152), mtime: fc.constantFrom(0, 315_532_800, 2 ** 33 - 1, 2 ** 33) };
const target = fc.oneof(path, fc.constantFrom(99, 100, 101, 300).map((length) => 't'.repeat(length)));
const entries: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ type: fc.constant('file' as const), ...common, size: fc.constant(0) }),
  fc.record({ type: fc.constant('directory' as const), ...common }),
  fc.record({ type: fc.constant('symlink' as const), ...common, target }),
);
const END = Buffer.alloc(1024);

test('our reader, whose codec is another, reads what was written', async () => {
  await fc.assert(
    fc.asyncProperty(entries, async (entry) => {
      const found: Entry[] = [];
      for await (const one of readTar(Readable.from([Buffer.concat([headerBlocks(entry), END])], { objectMode: false }), { subject: 'tar', links: 'keep' })) found.push(one.entry);
      expect(found).toEqual([entry.type === 'symlink' ? { ...entry, mode: expect.any(Number) } : entry]);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test('GNU tar reads it too', () => {
  const sample = fc.sample(entries, { numRuns: 150, seed: 2 }).filter(({ mtime, uid }) => mtime < 2 ** 33 && uid < 2 ** 31);
  const unique = [...new Map(sample.map((entry) => [entry.path, entry])).values()];
  const listed = execFileSync('tar', ['--quoting-style=literal', '--numeric-owner', '--utc', '-tvf', '-'], { input: Buffer.concat([...unique.map(headerBlocks), END]), env: { ...process.env, LC_ALL: 'C.UTF-8' } }).toString().trimEnd().split('\n');
  expect(listed.map((line) => line.replace(/^(\S)\S+ +(\S+) +\d+ \S+ \S+ /, '$1 $2 '))).toEqual(
    unique.map((entry) => {
      const type = { file: '-', directory: 'd', symlink: 'l', hardlink: 'h' }[entry.type];
      const name = entry.type === 'directory' ? `${entry.path}/` : entry.type === 'symlink' ? `${entry.path} -> ${entry.target}` : entry.path;
      return `${type} ${entry.uid}/${entry.gid} ${name}`;
    }),
  );
});

test('a block is written over whatever was there, or not at all', () => {
  const entry: Entry = { type: 'file', path: 'a/b', mode: 0o644, uid: 0, gid: 0, mtime: 315_532_800, size: 12 };
  const block = Buffer.alloc(512, 0xff);
  expect(writeHeader(block, entry)).toBe(true);
  expect(block.equals(headerBlocks(entry))).toBe(true);
  expect(writeHeader(block, { ...entry, path: 'ü' })).toBe(false);
  expect(block.equals(headerBlocks(entry))).toBe(true);
  // From 8 GiB on the size is a pax record.
  expect(headerBlocks({ ...entry, size: 2 ** 33 }).toString('latin1')).toContain('19 size=8589934592\n');
});
