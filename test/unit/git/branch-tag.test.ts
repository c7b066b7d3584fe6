import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { branchTag } from '../../../src/git/branch-tag.js';

const LEGAL = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

test.each(['main', 'release-1.2', 'v1.0', 'Feature_X', 'a', '_x', 'x'.repeat(128), 'a--b', 'deadbe-fix'])('%s is a tag as it is', (branch) => {
  expect(branchTag(branch)).toBe(branch);
});

test.each([
  ['feature/x', /^feature-x--[0-9a-f]{12}$/],
  ['feature-x--0123456789ab', /^feature-x--0123456789ab--[0-9a-f]{12}$/],
  ['latest', /^latest--[0-9a-f]{12}$/],
  ['0123456789ab', /^0123456789ab--[0-9a-f]{12}$/],
  ['0123456789ab-dirty-0123456789ab', /^0123456789ab-dirty-0123456789ab--[0-9a-f]{12}$/],
  ['.hidden', /^hidden--/],
  ['-x', /^x--/],
  ['a+b#c', /^a-b-c--/],
  ['größe', /^gr-e--/],
  ['日本', /^branch--/],
  ['x'.repeat(129), /^x{114}--[0-9a-f]{12}$/],
])('%s is changed and marked', (branch, expected) => {
  expect(branchTag(branch)).toMatch(expected);
});

test('golden: the rule is a promise, since tags of earlier builds are looked up by it', () => {
  expect(branchTag('feature/x')).toBe('feature-x--217d2bf51f16');
});

// Short words of few characters meet often; every result is also used as a branch name itself.
const word = fc.string({ unit: fc.constantFrom('a', 'b', '-', '--', '.', '/', '_', '#', 'é', 'latest', 'abcdef0', '1', '--0123456789ab'), minLength: 1, maxLength: 12 });

test('every result is a legal tag, and no two names share one', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(word, word.map(branchTag), fc.string({ minLength: 1 })), { minLength: 2, maxLength: 40 }), (names) => {
      const all = [...new Set([...names, ...names.map(branchTag), ...names.map(branchTag).map(branchTag)])];
      const tags = all.map(branchTag);
      for (const tag of tags) expect(tag).toMatch(LEGAL);
      expect(new Set(tags).size).toBe(all.length);
    }),
    { numRuns: 500 },
  );
});

test('no branch takes the tag of a revision, a dirty revision, a content key or latest', () => {
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 7, maxLength: 64 });
  const taken = fc.oneof(fc.constant('latest'), hex, fc.tuple(hex, hex).map(([revision, key]) => `${revision}-dirty-${key}`));
  fc.assert(fc.property(taken, fc.oneof(taken, word), (tag, branch) => expect(branchTag(branch)).not.toBe(tag)));
});
