import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { diffRecords, nearestRecord, renderDifference } from '../../../src/plan/difference.js';
import { canonical } from '../../../src/core/record.js';
import type { Members } from '../../../src/plan/difference.js';

const lines = (before: Members, after: Members): string[] => diffRecords(before, after).map(renderDifference);

describe('diffRecords, rendered', () => {
  test.each<[string, Members, Members, string[]]>([
    ['nothing', { format: 1, a: { b: [1, 2] } }, { a: { b: [1, 2] }, format: 1 }, []],
    ['a pin', { packages: { flask: '3.0.1', six: '1' } }, { packages: { flask: '3.1.0', six: '1' } }, ['packages.flask: 3.0.1 → 3.1.0']],
    ['added and removed', { packages: { a: '1' } }, { packages: { b: '2' } }, ['packages.a: removed (was 1)', 'packages.b: added 2']],
    ['nested', { p: { x: { version: '1', hash: 'h' } } }, { p: { x: { version: '2', hash: 'h' } } }, ['p.x.version: 1 → 2']],
    ['a digest', { builder: 'a'.repeat(64) }, { builder: 'b'.repeat(64) }, ['builder: aaaaaaaaaaaa → bbbbbbbbbbbb']],
    ['a type', { a: 1 }, { a: '1' }, ['a: changed beyond what fits here, 1']],
    ['list of words', { omit: ['dev', 'peer'] }, { omit: ['dev', 'optional', 'x'] }, ['omit: removed (was peer)', 'omit: added optional', 'omit: added x']],
    ['one word', { omit: ['dev'] }, { omit: ['peer'] }, ['omit: dev → peer']],
    ['order', { index: ['a', 'b'] }, { index: ['b', 'a'] }, ['index: a, b → b, a']],
    ['repeats', { index: ['a'] }, { index: ['a', 'a'] }, ['index: added a']],
    ['empty list', { index: [] }, { index: ['a'] }, ['index: added a']],
    ['list by name', { f: [{ name: 'a', v: 1 }, { name: 'b', v: 1 }] }, { f: [{ name: 'b', v: 2 }, { name: 'a', v: 1 }] }, ['f.b.v: 1 → 2']],
    ['other lists', { f: [{ v: 1 }] }, { f: [{ v: 2 }] }, ['f: [{"v":1}] → [{"v":2}]']],
    ['null and absent', { a: null, c: undefined }, { b: null }, ['a: removed (was null)', 'b: added null']],
    ['map to value', { a: { b: 1 } }, { a: 1 }, ['a: {"b":1} → 1']],
    ['terminal escapes', { a: 'x' }, { a: '\u001b[31mred\u202e' }, ['a: x → "\\u001b[31mred\\u202e"']],
    ['names of Object', { p: {} }, { p: { constructor: '1', ['__proto__']: '2' } }, ['p.__proto__: added 2', 'p.constructor: added 1']],
    ['long values', { a: 'x' }, { a: 'y'.repeat(100) }, [`a: x → ${'y'.repeat(71)}…`]],
  ])('%s', (_, before, after, expected) => {
    expect(lines(before, after)).toEqual(expected);
  });

  test('no difference if and only if equal; the other direction swaps before and after', () => {
    const record = fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(fc.nat(2), fc.array(fc.nat(2), { maxLength: 2 }), fc.dictionary(fc.constantFrom('x', 'y'), fc.nat(1))));
    fc.assert(
      fc.property(record, record, (a, b) => {
        const forth = diffRecords(a, b);
        expect(forth.length === 0).toBe(canonical(a) === canonical(b));
        expect(diffRecords(b, a).length).toBe(forth.length);
      }),
    );
  });
});

describe('nearestRecord', () => {
  const record = (version: string, base: string): Members => ({ base, packages: { flask: version } });

  test('has the fewest differences, and is the newest of several', () => {
    const [first, second, third] = [record('1', 'x'), record('2', 'y'), record('3', 'y')];
    expect(nearestRecord([first, second, third], record('4', 'x'))).toBe(first);
    expect(nearestRecord([first, second, third], record('4', 'y'))).toBe(third);
  });

  test('is never an equal record', () => {
    expect(nearestRecord([record('1', 'x')], record('1', 'x'))).toBeUndefined();
    expect(nearestRecord([], record('1', 'x'))).toBeUndefined();
  });
});
