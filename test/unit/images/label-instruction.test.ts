import { expect, test } from '@jest/globals';
import { labelInstruction } from '../../../src/images/label-instruction.js';

test('all labels in one instruction, raw', () =>
  expect(labelInstruction('FROM scratch\n', { 'a.b': '{"x":"$HOME y"}', empty: '' })).toBe(`LABEL a.b='{"x":"$HOME y"}' empty=''\n`));

test('a last line without an end is ended', () => expect(labelInstruction('FROM scratch', { a: '1' })).toBe("\nLABEL a='1'\n"));

test.each([
  ['FROM scratch\n', "it's"],
  ['FROM scratch\n', 'a\\b'],
  ['FROM scratch\n', 'a`b'],
  ['FROM scratch\n', 'a\nUSER 1'],
  ['FROM scratch\n', 'x'.repeat(70_000)],
  ['FROM scratch\nRUN a \\\n', '1'],
  ['FROM scratch\nRUN a `', '1'],
])('what could be read in another way stays an option: %j', (dockerfile, value) => expect(labelInstruction(dockerfile, { a: value.slice(0) })).toBeUndefined());

test('no labels, no instruction', () => expect(labelInstruction('FROM scratch\n', {})).toBeUndefined());
