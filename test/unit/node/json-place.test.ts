import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { duplicateKeys, offsetOf, placeAt, syntaxError } from '../../../src/node/json-place.js';

const TEXT = '{\n  "a": [1, {"b\\"c": true}],\n  "x": {"y": 1, "y": 2}\n}\n';

test('finds members and elements, and the nearest that exists', () => {
  const place = (...path: (string | number)[]) => placeAt('f', TEXT, offsetOf(TEXT, path));
  expect(place('a')).toEqual({ file: 'f', line: 2, column: 3 });
  expect(place('a', 1, 'b"c')).toEqual({ file: 'f', line: 2, column: 13 });
  expect(place('a', 7, 'no')).toEqual({ file: 'f', line: 2, column: 3 });
  expect(place('x', 'y')).toEqual({ file: 'f', line: 3, column: 17 });
  expect(place()).toEqual({ file: 'f', line: 1, column: 1 });
});

test('finds keys that are there twice', () => {
  expect(duplicateKeys(TEXT, ['x'])).toEqual([{ key: 'y', first: TEXT.indexOf('"y"'), again: TEXT.lastIndexOf('"y"') }]);
  expect(duplicateKeys(TEXT, [])).toEqual([]);
  expect(duplicateKeys(TEXT, ['nothing'])).toEqual([]);
});

test.each([
  ['{"a": 1,}', 8, 'a key in double quotes'],
  ['{"a" 1}', 5, '":"'],
  ['[1 2]', 3, '"," or "]"'],
  ['{"a": tru}', 6, 'a value'],
  ['{"a": "x\ny"}', 6, 'a string without line breaks or bad escapes'],
  ['{} {}', 3, 'nothing after the value'],
  ['{"a":', 5, 'a value'],
  ['{\n<<<<<<< HEAD\n"a": 1', 2, 'no merge conflict marker'],
])('says where %j stops being JSON', (text, offset, expected) => {
  expect(() => void JSON.parse(text)).toThrow();
  expect(syntaxError(text)).toEqual({ offset, expected });
});

test('every member of any JSON text is found at its key', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
    const text = JSON.stringify(value, undefined, indent);
    for (const key of Object.keys(value)) expect(text.startsWith(JSON.stringify(key), offsetOf(text, [key]))).toBe(true);
    expect(duplicateKeys(text, [])).toEqual([]);
  }));
});
