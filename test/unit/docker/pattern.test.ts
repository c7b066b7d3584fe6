import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Failed } from '../../../src/core/failure.js';
import { parseIgnore } from '../../../src/docker/ignore.js';
import { ANYTHING, ANY_CHARACTER, ANY_NAME, FOLDERS, classStep, literalStep, stepMatcher } from '../../../src/docker/pattern-steps.js';
import { cleanPath, Patterns } from '../../../src/docker/pattern.js';

describe('patterns', () => {
  // Pattern lines, path, matched: as the engine's own pattern matcher has them.
  const CASES: [string, string, boolean][] = [
    ['**', 'file', true],
    ['**', 'dir/file', true],
    ['**/', 'dir/file', true],
    ['**/**', 'dir/file', true],
    ['dir/**', 'dir/file', true],
    ['dir/**', 'dir', false],
    ['dir/**', 'dirs/file', false],
    ['**/dir2/*', 'dir/dir2/file', true],
    ['**/dir2/*', 'dir/dir2/dir2/file', true],
    ['**/dir2/**', 'dir/dir2/dir2/file', true],
    ['**file', 'file', true],
    ['**file', 'dir/dir/file', true],
    ['**file', 'dir/myfile', true],
    ['**/file', 'dir/myfile', false],
    ['**file*', 'dir/file.txt', true],
    ['**/file*', 'dir/file.txt', true],
    ['**/file*txt', 'dir/dir/file.txt', true],
    ['**/file*.txt*', 'dir/dir/file.txt', true],
    ['**/*.txt', 'file.txt', true],
    ['**/*.txt2', 'file.txt', false],
    ['**/*txt', 'dir/file.txt', true],
    ['a**/*.txt', 'a/file.txt', true],
    ['a**/*.txt', 'a/dir/file.txt', true],
    ['a/*.txt', 'a/file.txt', true],
    ['a/*.txt', 'a/dir/file.txt', false],
    ['a[b-d]e', 'ace', true],
    ['a[b-d]e', 'aae', false],
    ['a[^b-d]e', 'aze', true],
    ['a[^b]e', 'a/e', false],
    ['.*', '.foo', true],
    ['.*', 'foo', false],
    ['abc.def', 'abcdef', false],
    ['abc.def', 'abc.def', true],
    ['abc?def', 'abcZdef', true],
    ['abc?def', 'abcdef', false],
    ['a\\\\', 'a\\', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['**/foo/bar', 'foo/bar', true],
    ['**/foo/bar', 'dir/foo/bar', true],
    ['abc/**', 'abc/def/ghi', true],
    ['**/.foo', '.foo', true],
    ['**/.foo', 'bar.foo', false],
    ['a(b)c/def', 'a(b)c/def', true],
    ['a.|)$(}+{bc', 'a.|)$(}+{bc', true],
    ['dist/*.whl', 'dist/proxy-2.4.0a1-py3-none-any.whl', true],
    ['*.go\n!broken.go', 'broken.go', false],
    ['!broken.go\n*.go', 'broken.go', true],
    ['docs\n!docs/README.md', 'docs/README.md', false],
    ['docs\n!docs/README.md', 'docs/other', true],
    ['docs/\n!docs/README.md', 'docs/a/b', true],
    ['*\n!util/**', 'util/a/b', false],
    ['*\n!util', 'util/a/b', false],
    ['*\n!**/*.js', 'a/b.js', false],
    ['/a', 'a', true],
    ['./a', 'a', true],
    ['a/../b', 'b', true],
    ['../a', 'a', false],
    ['A', 'a', false],
    ['ünï*', 'ünïcode', true],
    ['?', '😀', true],
  ];
  test.each(CASES)('%j on %s: %s', (lines, path, expected) => {
    expect(new Patterns(lines.split('\n')).matches(path)).toBe(expected);
  });

  test.each([
    ['src/**', 'src', true],
    ['src/**', 'src/a', true],
    ['src/**', 'other', false],
    ['src/*/x', 'src/a', true],
    ['src/*/x', 'src/a/x', true],
    ['src/*/x', 'src/a/y', false],
    ['**/x', 'a/b', true],
    ['a/**/x', 'b', false],
    ['setup.py', 'node_modules', false],
    ['s*', 'src', true],
    ['!src', 'src', false],
    ['.', 'src', false],
    ['src/[^/]x', 'src', true],
  ])('%s may match below %s: %s', (line, folder, expected) => {
    expect(new Patterns([line]).mayMatchBelow(folder)).toBe(expected);
  });

  test('a folder that nothing can be taken back from need not be read', () => {
    expect(new Patterns(['*', '!src/a']).mayTakeBack('src')).toBe(true);
    expect(new Patterns(['*', '!src/a']).mayTakeBack('other')).toBe(false);
    expect(new Patterns(['*', '!**/a']).mayTakeBack('other')).toBe(true);
    expect(new Patterns(['node_modules']).mayTakeBack('node_modules')).toBe(false);
  });
});

test.each([
  ['', '.'],
  ['/', '/'],
  ['a//b/./c/', 'a/b/c'],
  ['a/../..', '..'],
  ['/../a', '/a'],
  ['../../a', '../../a'],
])('the clean form of %j is %j', (path, expected) => {
  expect(cleanPath(path)).toBe(expected);
});

describe('ignore files', () => {
  test('comments, empty lines, blanks and a byte order mark say nothing', () => {
    const patterns = parseIgnore('\uFEFF# a\n\n  b  \r\n !c\n', '.dockerignore');
    expect(['# a', 'b', 'c', 'd'].map((path) => patterns.matches(path))).toEqual([false, true, false, false]);
  });

  test.each([
    ['a\n[b', 2],
    ['!', 1],
    ['#\n\n ! ', 3],
  ])('%j is refused in line %i', (text, line) => {
    let failure: unknown;
    try {
      parseIgnore(text, 'x/.dockerignore');
    } catch (error) {
      failure = error;
    }
    expect((failure as Failed).problems[0]).toMatchObject({ reason: 'dockerfile', place: { file: 'x/.dockerignore', line } });
  });
});

describe('many wildcards', () => {
  test('matching all ways at once says what the regular expression says', () => {
    const step = fc.constantFrom(ANYTHING, FOLDERS, ANY_NAME, ANY_CHARACTER, literalStep('a'), literalStep('/'), literalStep('.'), classStep('(?!/)[ab]'), classStep('[^/a]'));
    const text = fc.array(fc.constantFrom('a', 'b', '/', '.', '\n', '😀'), { maxLength: 8 }).map((chars) => chars.join(''));
    fc.assert(fc.property(fc.array(step, { maxLength: 7 }), text, (steps, path) => {
      const regex = new RegExp(`^${steps.map((one) => one.regex).join('')}$`, 'su');
      expect(stepMatcher(steps).test(path)).toBe(regex.test(path));
    }), { numRuns: 3000, seed: 28 });
  });

  test.each([
    ['**/'.repeat(30) + 'z', 'a/'.repeat(60) + 'b', false],
    ['**/'.repeat(30) + 'b', 'a/'.repeat(60) + 'b', true],
    ['*a'.repeat(40) + 'b', 'a'.repeat(250), false],
    ['*a'.repeat(40) + '*', 'a'.repeat(250), true],
  ])('%s ends, on a path that a regular expression would never be done with', (pattern, path, matched) => {
    expect(new Patterns([pattern]).matches(path)).toBe(matched);
  });
});
