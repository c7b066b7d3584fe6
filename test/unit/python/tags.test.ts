import { expect, test } from '@jest/globals';
import type { TagFacts } from '../../../src/python/tags.js';
import { compatibleTags, platformTags } from '../../../src/python/tags.js';
import { compareBuilds, isArchiveName, parseSdistName, parseWheelName } from '../../../src/python/wheel-name.js';
import { formatVersion } from '../../../src/python/version.js';

const glibc = (version: string): TagFacts['libc'] => ({ name: 'glibc', version });
const cpython = (version: string, soabi: string, freeThreaded = false): TagFacts['python'] => ({ version, implementation: 'cpython', soabi, freeThreaded });

test('platforms: glibc with legacy names, musl, 32-bit ARM', () => {
  expect(platformTags({ machine: 'x86_64', libc: glibc('2.18') })).toEqual(['manylinux_2_18_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64', 'manylinux_2_16_x86_64', 'manylinux_2_15_x86_64', 'manylinux_2_14_x86_64', 'manylinux_2_13_x86_64', 'manylinux_2_12_x86_64', 'manylinux2010_x86_64', 'manylinux_2_11_x86_64', 'manylinux_2_10_x86_64', 'manylinux_2_9_x86_64', 'manylinux_2_8_x86_64', 'manylinux_2_7_x86_64', 'manylinux_2_6_x86_64', 'manylinux_2_5_x86_64', 'manylinux1_x86_64', 'linux_x86_64']);
  expect(platformTags({ machine: 'aarch64', libc: glibc('2.18') })).toEqual(['manylinux_2_18_aarch64', 'manylinux_2_17_aarch64', 'manylinux2014_aarch64', 'linux_aarch64']);
  expect(platformTags({ machine: 'x86_64', libc: { name: 'musl', version: '1.2.4' } })).toEqual(['musllinux_1_2_x86_64', 'musllinux_1_1_x86_64', 'musllinux_1_0_x86_64', 'linux_x86_64']);
  expect(platformTags({ machine: 'armv8l', libc: glibc('2.17') })).toEqual(['manylinux_2_17_armv8l', 'manylinux2014_armv8l', 'manylinux_2_17_armv7l', 'manylinux2014_armv7l', 'linux_armv8l', 'linux_armv7l']);
});

const musl: TagFacts['libc'] = { name: 'musl', version: '1.0' };
const short = (python: TagFacts['python']): readonly string[] => compatibleTags({ machine: 'x86_64', libc: musl, python }).filter((tag) => !tag.includes('-linux_'));

test('interpreters', () => {
  expect(short(cpython('3.4.1', 'cpython-34m-x86_64-linux-gnu'))).toEqual(['cp34-cp34m-musllinux_1_0_x86_64', 'cp34-abi3-musllinux_1_0_x86_64', 'cp34-none-musllinux_1_0_x86_64', 'cp33-abi3-musllinux_1_0_x86_64', 'cp32-abi3-musllinux_1_0_x86_64', 'py34-none-musllinux_1_0_x86_64', 'py3-none-musllinux_1_0_x86_64', 'py33-none-musllinux_1_0_x86_64', 'py32-none-musllinux_1_0_x86_64', 'py31-none-musllinux_1_0_x86_64', 'py30-none-musllinux_1_0_x86_64', 'cp34-none-any', 'py34-none-any', 'py3-none-any', 'py33-none-any', 'py32-none-any', 'py31-none-any', 'py30-none-any']);
  const threaded = short(cpython('3.13.0', 'cpython-313t-x86_64-linux-gnu', true));
  expect(threaded.slice(0, 2)).toEqual(['cp313-cp313t-musllinux_1_0_x86_64', 'cp313-none-musllinux_1_0_x86_64']);
  expect(threaded.some((tag) => tag.includes('abi3'))).toBe(false);
  expect(short(cpython('3.12.0', 'cpython-312d-x86_64-linux-gnu')).slice(0, 2)).toEqual(['cp312-cp312d-musllinux_1_0_x86_64', 'cp312-cp312-musllinux_1_0_x86_64']);
  const pypy = short({ version: '3.10.14', implementation: 'pypy', soabi: 'pypy310-pp73-x86_64-linux-gnu', freeThreaded: false });
  expect(pypy.slice(0, 3)).toEqual(['pp310-pypy310_pp73-musllinux_1_0_x86_64', 'pp310-none-musllinux_1_0_x86_64', 'py310-none-musllinux_1_0_x86_64']);
  expect(pypy).toContain('pp3-none-any');
});

test('file names', () => {
  expect(parseWheelName('Foo_Bar-1.0-1x-py2.py3-none-any.whl')).toMatchObject({ name: 'foo-bar', build: [1, 'x'], tags: ['py2-none-any', 'py3-none-any'] });
  expect([compareBuilds(undefined, [1, '']), compareBuilds([10, ''], [9, 'x']) > 0, compareBuilds([1, 'a'], [1, 'b'])]).toEqual([-1, true, -1]);
  const old = parseSdistName('python-foo-1.0-1.tar.gz', 'Python_Foo');
  expect([old?.name, old && formatVersion(old.version)]).toEqual(['python-foo', '1.0.post1']);
  expect(parseSdistName('foo-bar-1.0.tar.gz', 'foo')).toBeUndefined();
  expect(['a.whl', 'a.TGZ', 'a.tar.xz', 'a.py', 'a'].map(isArchiveName)).toEqual([true, true, true, false, false]);
});
