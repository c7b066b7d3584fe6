import { describe, expect, test } from '@jest/globals';
import { canonicalName, parseReference } from '../../../src/docker/reference.js';

const HEX = 'a'.repeat(64);

describe('image references', () => {
  test.each([
    ['a', { name: 'a', path: 'a' }],
    ['a:b', { name: 'a', path: 'a', tag: 'b' }],
    ['a/b:c', { name: 'a/b', path: 'a/b', tag: 'c' }],
    ['localhost/a', { name: 'localhost/a', registry: 'localhost', path: 'a' }],
    ['localhost:5000/a', { name: 'localhost:5000/a', registry: 'localhost:5000', path: 'a' }],
    ['r.example:5000/t/a:1', { name: 'r.example:5000/t/a', registry: 'r.example:5000', path: 't/a', tag: '1' }],
    ['Registry/a', { name: 'Registry/a', registry: 'Registry', path: 'a' }],
    ['[2001:db8::1]:5000/a', { name: '[2001:db8::1]:5000/a', registry: '[2001:db8::1]:5000', path: 'a' }],
    [`a@sha256:${HEX}`, { name: 'a', path: 'a', digest: `sha256:${HEX}` }],
    [`a:1@sha256:${HEX}`, { name: 'a', path: 'a', tag: '1', digest: `sha256:${HEX}` }],
    ['a__b--c/e_f.g', { name: 'a__b--c/e_f.g', path: 'a__b--c/e_f.g' }],
    ['a:B_.-1', { name: 'a', path: 'a', tag: 'B_.-1' }],
  ])('%s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
  });

  test.each(['', 'A', 'a b', '/a', 'a/', 'a//b', 'a:', 'a:-x', 'a@sha256:12', 'a@', ':a', 'a___b', 'a_-b', '-a', 'a-', 'ä', `a:${'x'.repeat(129)}`, 'x'.repeat(256), HEX, `sha256:${HEX}`, 'r.ex ample/a', '-r.x/a', 'a:b:c', 'a__b.c/e'])(
    '%j is none',
    (text) => {
      expect(parseReference(text)).toBeUndefined();
    },
  );

  test.each([
    ['a', 'docker.io/library/a'],
    ['library/a', 'docker.io/library/a'],
    ['docker.io/a', 'docker.io/library/a'],
    ['index.docker.io/t/a', 'docker.io/t/a'],
    ['r.example/a', 'r.example/a'],
  ])('%s is %s in full', (text, expected) => {
    expect(canonicalName(parseReference(text)!)).toBe(expected);
  });
});
