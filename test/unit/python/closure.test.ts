import { describe, expect, test } from '@jest/globals';
import { allowsPython, findGaps } from '../../../src/python/closure.js';
import { parseDependency } from '../../../src/python/dependency.js';
import { hasStaticDependencies, parseMetadata } from '../../../src/python/metadata.js';

const METADATA = `Metadata-Version: 2.2
Name: Zope.Interface
Version: 1.0-RC1
Summary: folded
        over lines
Requires-Dist: a>=1
Requires-Dist: b (<2) ; extra == 'Test'
Requires-Dist: broken >= dev
requires-python: >=3.9
Provides-Extra: Te_st
Dynamic: License

Requires-Dist: not-in-the-header
`;

describe('metadata', () => {
  test('fields', () => {
    const metadata = parseMetadata(METADATA.replaceAll('\n', '\r\n'));
    expect(metadata).toMatchObject({ name: 'zope-interface', version: '1.0-RC1', invalidRequiresDist: ['broken >= dev'], requiresPython: [{ operator: '>=', version: '3.9' }], providesExtra: ['te-st'], dynamic: ['license'] });
    expect(metadata?.requiresDist.map((item) => item.name)).toEqual(['a', 'b']);
    expect(parseMetadata('<html>')).toBeUndefined();
  });

  test('which dependencies of an sdist can be relied on', () => {
    const read = (text: string) => hasStaticDependencies(parseMetadata(text) as never);
    expect(read(METADATA)).toBe(true);
    expect(read(METADATA.replace('2.2', '2.1'))).toBe(false);
    expect(read(METADATA.replace('License', 'Requires-Dist'))).toBe(false);
  });
});

describe('closure', () => {
  const variables = { python_full_version: '3.13.5', python_version: '3.13', sys_platform: 'linux' };
  const pin = (name: string, version: string, requires: readonly string[] = [], extras: readonly string[] = []) => ({ name, version, extras, requiresDist: requires.map(parseDependency) });

  test('closed', () => {
    expect(findGaps([pin('a', '1.0', ['b>=2', 'c; sys_platform == "win32"', 'd ; extra == "x"']), pin('b', '2.0rc1+local', ['a'])], variables)).toEqual([
      { kind: 'conflict', name: 'b', specifier: '>=2', extras: [], neededBy: 'a 1.0', found: '2.0rc1+local' },
    ]);
    expect(findGaps([pin('a', '1.0', ['b>=2a1', 'a[y]', 'c ; extra == "y"']), pin('b', '2.0rc1'), pin('c', '1')], variables)).toEqual([]);
  });

  test('missing, also through extras of extras', () => {
    const gaps = findGaps([pin('a', '1', ['b[fast]', 'e'], ['all']), pin('b', '1', ['c>1 ; extra == "FAST"', 'd ; extra == "slow"'])], variables);
    expect(gaps.map((gap) => `${gap.kind} ${gap.name}${gap.specifier} by ${gap.neededBy}`)).toEqual(['missing c>1 by b 1', 'missing e by a 1']);
  });

  test('interpreter', () => {
    expect(findGaps([{ ...pin('a', '1'), requiresPython: [{ operator: '<', version: '3.10' }] }], variables)).toEqual([{ kind: 'python', name: 'a', specifier: '<3.10', extras: [], neededBy: 'a 1', found: '3.13.5' }]);
    expect([allowsPython('>=3.8', '3.13.0rc1'), allowsPython('>=3.8,<3.12.*', '3.13'), allowsPython('<3', '3.13.0+')]).toEqual([true, true, false]);
  });

  test('a package pinned to a URL satisfies any URL', () => {
    expect(findGaps([pin('a', '1', ['b @ https://h.example/b.zip']), { ...pin('b', '1'), direct: true }], variables)).toEqual([]);
    expect(findGaps([pin('a', '1', ['b @ https://h.example/b.zip']), pin('b', '1')], variables)).toHaveLength(1);
  });
});
