import { expect, test } from '@jest/globals';
import { Failed, type Problem } from '../../../src/core/failure.js';
import { parseLock } from '../../../src/node/lock.js';

function problems(text: string): readonly Problem[] {
  try {
    parseLock('package-lock.json', text);
  } catch (error) {
    if (error instanceof Failed) return error.problems;
    throw error;
  }
  return [];
}

const lock = (packages: object, head: object = { lockfileVersion: 3 }): string => JSON.stringify({ name: 'x', ...head, packages: { '': {}, ...packages } }, undefined, 2);

test('reads versions 2 and 3', () => {
  const parsed = parseLock('l', lock({ 'node_modules/a': { version: '1.0.0' } }, { lockfileVersion: 2, requires: true, dependencies: {} }));
  expect([parsed.version, [...parsed.packages.keys()], parsed.head]).toEqual([2, ['', 'node_modules/a'], { name: 'x', lockfileVersion: 2, requires: true }]);
});

test.each([
  ['{"lockfileVersion": 1, "dependencies": {}}', 'lockfileVersion 1', 1, 2],
  ['{"dependencies": {}}', 'lockfileVersion 1', 1, 1],
  ['{"lockfileVersion": 9}', 'unknown lockfileVersion 9', 1, 2],
  ['[]', 'not a JSON object', 1, 1],
  ['{"lockfileVersion": 3', 'is not JSON', 1, 22],
  ['{"lockfileVersion": 3, "packages": []}', 'no "packages" object', 1, 24],
])('refuses %s', (text, message, line, column) => {
  expect(problems(text)).toMatchObject([{ reason: 'requirements', message: expect.stringContaining(message), place: { file: 'package-lock.json', line, column } }]);
});

test.each([
  '/etc/passwd', '../x/node_modules/a', 'node_modules/../../a', 'node_modules/.bin', 'node_modules', 'node_modules/@scope', 'node_modules/a/node_modules',
  'a\\..\\b', 'C:/x', 'a//b', './a', 'node_modules/a/../../../b', 'node_modules/@s/.x', 'node_modules/a\0',
])('refuses the location %j', (location) => {
  expect(problems(lock({ [location]: { version: '1.0.0' } }))).toMatchObject([{ message: expect.stringContaining('is not a') }]);
});

test.each(['node_modules/a', 'node_modules/@s/a/node_modules/b', 'packages/x', 'packages/x/node_modules/b', '../outside', 'node_modules/a/packages/b'])('takes the location %j', (location) => {
  expect(problems(lock({ [location]: { version: '1.0.0' } }))).toEqual([]);
});

test('reports every wrong field at its place, all at once', () => {
  const found = problems(lock({
    'node_modules/a': { version: 1, dev: 'yes', dependencies: { b: 2 } },
    'node_modules/b': 'text',
    'node_modules/c': { link: true, resolved: '/abs' },
    'node_modules/d': { link: true, resolved: 'gone' },
  }));
  expect(found.map(({ message }) => message)).toEqual([
    'version of "node_modules/a" in package-lock.json is not a string',
    'dependencies.b of "node_modules/a" in package-lock.json is not a string',
    'dev of "node_modules/a" in package-lock.json is not true or false',
    '"node_modules/b" in package-lock.json is not an object',
    'resolved of "node_modules/c" in package-lock.json is not a relative path',
    '"node_modules/d" in package-lock.json links to "gone", which has no entry',
  ]);
  expect(found.map(({ place }) => place?.line)).toEqual([7, 10, 8, 13, 16, 20]);
});

test('an entry that is there twice is reported with both places', () => {
  const text = '{"lockfileVersion": 3, "packages": {\n"": {},\n"node_modules/a": {},\n"node_modules/a": {}}}';
  expect(problems(text)).toMatchObject([{ message: '"node_modules/a" is in package-lock.json twice', place: { line: 4 }, related: { place: { line: 3 } } }]);
});
