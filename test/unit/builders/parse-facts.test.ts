import { expect, test } from '@jest/globals';
import { factsFromData, factsFromOutput, factsToData } from '../../../src/builders/parse-facts.js';

const PYTHON = {
  executable: '/usr/local/bin/python3', version: '3.12.1', implementation: 'cpython', soabi: 'cpython-312-x86_64-linux-musl', magic: 'cb0d0d0a',
  freeThreaded: false, markers: { os_name: 'posix' }, tags: ['cp312-cp312-musllinux_1_2_x86_64', 'py3-none-any'], pip: '24.0', index: 'https://index.example/simple/',
};
const NODE = { executable: '/usr/local/bin/node', version: '24.1.0', platform: 'linux', arch: 'x64', modules: '137' };

function output(...lines: string[]): string {
  return ['noise from a profile', 'wheelwright-facts os Linux', 'wheelwright-facts machine x86_64', 'wheelwright-facts libc musl 1.2.5', ...lines, ''].join('\n');
}

test('python and node among noise', () => {
  const facts = factsFromOutput(output(`wheelwright-facts python ${JSON.stringify(PYTHON)}`, 'wheelwright-facts uv uv 0.5.1 (abc 2024)', `wheelwright-facts node ${JSON.stringify(NODE)}`, 'wheelwright-facts npm 11.0.0', 'wheelwright-facts registry https://registry.example/'), 'x');
  expect(facts).toEqual({ os: 'linux', machine: 'x86_64', libc: { name: 'musl', version: '1.2.5' }, python: { ...PYTHON, uv: '0.5.1' }, node: { ...NODE, npm: '11.0.0', registry: 'https://registry.example/' } });
  expect(factsFromData(factsToData(facts))).toEqual(facts);
});

test('neither', () => {
  expect(factsFromOutput(output(), 'x')).toEqual({ os: 'linux', machine: 'x86_64', libc: { name: 'musl', version: '1.2.5' } });
});

test('tags that make no sense are left out, facts that make no sense are a failure', () => {
  expect(factsFromOutput(output(`wheelwright-facts python ${JSON.stringify({ ...PYTHON, tags: ['nonsense'] })}`), 'x').python).not.toHaveProperty('tags');
  for (const bad of [{ executable: 'python3' }, { version: '$(rm)' }, { magic: 5 }, { markers: {} }, { freeThreaded: 'no' }]) {
    expect(() => factsFromOutput(output(`wheelwright-facts python ${JSON.stringify({ ...PYTHON, ...bad })}`), 'img')).toThrow(/img does not say what it is/);
  }
  expect(() => factsFromOutput('sh: not found\n', 'img')).toThrow(/img/);
});

test('a record of another format, or a damaged one, is no record', () => {
  const good = factsToData(factsFromOutput(output(), 'x')) as object;
  expect(factsFromData({ ...good, format: 1 })).toBeUndefined();
  expect(factsFromData({ ...good, libc: { name: 'bionic', version: '1' } })).toBeUndefined();
  expect(factsFromData(undefined)).toBeUndefined();
});
