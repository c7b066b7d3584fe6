import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { editDistance, nearest } from '../../../src/util/nearest.js';

describe('nearest', () => {
  test.each([
    ['biulder', ['builder', 'base'], 'builder'],
    ['requirments', ['requirements', 'prefix'], 'requirements'],
    ['Web', ['web'], 'web'],
    ['wbe', ['web', 'worker'], 'web'],
    ['web', ['wed', 'wet'], 'wed'],
    ['xyz', ['web', 'worker'], undefined],
    ['a', ['b'], undefined],
    ['', ['a'], undefined],
    ['anything', [], undefined],
  ])('%s among %j is %s', (name, candidates, expected) => {
    expect(nearest(name, candidates)).toBe(expected);
  });
});

describe('editDistance', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });

  test('equals the recursive definition', () => {
    fc.assert(fc.property(word, word, (a, b) => expect(editDistance(a, b)).toBe(byDefinition(a, b))), { numRuns: 300 });
  });

  test('with a limit, gives the distance below it and the limit from there on', () => {
    fc.assert(fc.property(word, word, fc.nat(9), (a, b, limit) => expect(editDistance(a, b, limit)).toBe(Math.min(limit, byDefinition(a, b)))));
  });
});

function byDefinition(a: string, b: string): number {
  const known = new Map<string, number>();
  const at = (i: number, j: number): number => {
    if (i === 0 || j === 0) return i + j;
    const id = `${i},${j}`;
    const found = known.get(id);
    if (found !== undefined) return found;
    let least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
    if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, at(i - 2, j - 2) + 1);
    known.set(id, least);
    return least;
  };
  return at(a.length, b.length);
}
