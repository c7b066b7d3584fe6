import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Digest } from '../../../src/core/identity.js';
import { fileName } from '../../../src/store/layout.js';
import { decodeRecord, encodeRecord } from '../../../src/store/record-file.js';

const record = { bucket: 'locks', key: 'k"ü', blobs: [{ digest: 'a'.repeat(64) as Digest, size: 12 }], value: { list: [1, 'ü', null], text: ',"sha256":"' } } as const;

describe('record file', () => {
  test('comes back, and has this very text', () => {
    const text = encodeRecord(record);
    expect(decodeRecord(text, 'locks', 'k"ü')).toEqual(record);
    expect(JSON.parse(text)).toEqual({
      record: { blobs: [['a'.repeat(64), 12]], bucket: 'locks', key: 'k"ü', value: record.value },
      sha256: 'd04b646f73347f0d1c395c0abe4aaddb43909a88be9d6d066b5d20673e57018b',
    });
  });

  test('is refused in another bucket or under another key', () => {
    expect(decodeRecord(encodeRecord(record), 'pins')).toBeUndefined();
    expect(decodeRecord(encodeRecord(record), 'locks', 'other')).toBeUndefined();
  });

  test('any cut, changed or added byte is noticed', () => {
    const bytes = Buffer.from(encodeRecord(record));
    for (let at = 0; at < bytes.length; at += 1) {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] as number) ^ 1;
      expect(decodeRecord(copy.toString('utf8'), 'locks')).toBeUndefined();
      expect(decodeRecord(bytes.subarray(0, at).toString('utf8'), 'locks')).toBeUndefined();
    }
    expect(decodeRecord(`${bytes.toString('utf8')} `, 'locks')).toBeUndefined();
  });

  test('property: never throws on anything', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => decodeRecord(text, 'locks') === undefined));
  });
});

test('file names differ wherever keys do, also without case, and are always plain', () => {
  const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('A', 'a', '.', '..', '', 'a~b', 'a/b', 'CON'));
  fc.assert(
    fc.property(key, key, (one, other) => {
      expect(fileName(one)).toMatch(/^[a-z0-9_~-][a-z0-9._~-]*$/);
      expect(fileName(one).length).toBeLessThan(200);
      expect(fileName(one).toLowerCase() === fileName(other).toLowerCase()).toBe(one === other);
    }),
  );
});
