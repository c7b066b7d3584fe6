import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maskOf } from '../../../src/util/mask.js';

test('values, the user information of URLs, and passwords inside of URL values', () => {
  const mask = maskOf(['s3cr3t-token', 'https://user:p%40ssword@index.example.com/simple']);
  expect(mask('token=s3cr3t-token!')).toBe('token=***!');
  expect(mask('login p%40ssword or p@ssword')).toBe('login *** or ***');
  expect(mask('Looking in https://bob:pw@other.example.com/x')).toBe('Looking in https://***@other.example.com/x');
});

test('each line of a value of several lines', () => {
  expect(maskOf(['-----BEGIN\nabcdefgh'])('x abcdefgh')).toBe('x ***');
});

test('short values and plain words stay readable', () => {
  expect(maskOf(['1', 'on', 'true', ''])('1 on true')).toBe('1 on true');
});

test('no secret survives, whatever the line', () => {
  const secret = fc.string({ minLength: 4 }).filter((text) => text.trim() === text && !['true', 'false', 'none', 'null'].includes(text) && !text.includes('*') && !/[:/@\n]/.test(text));
  fc.assert(fc.property(fc.array(secret, { minLength: 1 }), fc.string(), fc.string(), (secrets, before, after) => {
    const masked = maskOf(secrets)(before + secrets[0] + after);
    expect(masked.includes(secrets[0]!) && !(before + after).includes('*')).toBe(false);
  }));
});
