import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Failed } from '../../../src/core/failure.js';
import { readLock } from '../../../src/python/locks/read-lock.js';
import { parseMetadata } from '../../../src/python/metadata.js';
import { readRequirements } from '../../../src/python/requirements-file.js';
import { semanticForm } from '../../../src/python/semantic.js';
import { parseSdistName, parseWheelName } from '../../../src/python/wheel-name.js';

/** Whatever the input, there is a result or a Failed whose problems all have a place inside the file. */
async function holds(work: () => Promise<unknown>, text: string): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    const lines = text.split(/\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]/);
    for (const { place } of error.problems) {
      expect(place?.column).toBeGreaterThan(0);
      expect(place?.line).toBeGreaterThan(0);
      expect(place?.line).toBeLessThanOrEqual(Math.max(1, lines.length));
    }
  }
}

const fragment = fc.constantFrom('a', 'pkg==1.0', '[x', ']', '(', ')', ' ', '\t', '\n', '\r\n', '\\', '\\\n', '#', ' #', '-', '--hash=', '-r ', '-e ', '--', '"', "'", ';', ' ; ', '@', ' @ ', 'git+', 'https://', 'file:', '%', '%zz', '#egg=', '&subdirectory=', '../', '/', '.', '${A}', '${B}', '${', 'python_version', ' in ', ' not in ', '==', '===', '~=', '.*', '>=1', '!', '1!', '+x', '\u2028', '\u0000', 'é', '-C', '=', ',', ' and ', ' or ', '.whl', '-1-py3-none-any.whl', 'constructor', '__proto__');
const text = fc.oneof(fc.array(fragment, { maxLength: 25 }).map((parts) => parts.join('')), fc.string({ unit: 'binary', maxLength: 60 }));

test('requirement files', async () => {
  await fc.assert(
    fc.asyncProperty(text, (content) =>
      holds(async () => {
        const options = { root: '/p', env: { A: 'value' }, read: async (path: string) => (path === 'r.txt' ? Buffer.from(content) : undefined) };
        semanticForm(await readRequirements([{ value: 'r.txt', place: { file: 'p', line: 1, column: 1 } }], options));
      }, content),
    ),
    { seed: 7, numRuns: 1500 },
  );
});

const scalar = fc.constantFrom('1', '"x"', '""', 'true', '[]', '{}', '[1]', '["x"]', '[{}]', '{ a = 1 }', '1979-05-27', '1.5', '{ url = 1, hash = 2 }', '"https://h.example/%zz#x"', '"python_version"', '"../x"', '[[1]]');
const UV = ['version = 1', 'requires-python = ">=3"', 'resolution-markers = ["python_version > \'3\'"]', 'conflicts = [[{ package = "a", extra = "x" }]]', '[manifest]', 'members = ["a"]', '[[package]]', 'name = "a"', 'version = "1"', 'source = { virtual = "." }', 'dependencies = [{ name = "b", extra = ["e"], marker = "os_name == \'x\' or python_version > \'3\'" }]', '[package.optional-dependencies]', 'x = [{ name = "b" }]', '[[package]]', 'name = "b"', 'version = "2"', 'source = { registry = "https://i.example" }', 'wheels = [{ url = "https://f.example/b-2-py3-none-any.whl", hash = "sha256:1" }]'];
const PYLOCK = ['lock-version = "1.0"', 'environments = ["os_name == \'posix\'"]', 'extras = ["x"]', '[[packages]]', 'name = "a"', 'version = "1"', 'marker = "\'x\' not in extras"', 'index = "https://i.example"', 'sdist = { url = "https://f.example/a-1.tar.gz", hashes = { sha256 = "1" } }', '[[packages]]', 'name = "b"', 'vcs = { type = "git", url = "https://h.example", commit-id = "1" }', '[[packages]]', 'name = "c"', 'archive = { path = "c.zip", hashes = {} }', 'dependencies = [{ name = "a" }]'];
const POETRY = ['[[package]]', 'name = "a"', 'version = "1"', 'groups = ["main"]', 'markers = { main = "os_name == \'posix\'" }', 'files = [{ file = "a-1.zip", hash = "sha256:1" }]', '[package.dependencies]', 'b = [{ version = "^1", markers = "os_name == \'x\'" }]', '[package.source]', 'type = "git"', 'url = "x"', '[extras]', 'x = ["b"]', '[metadata]', 'lock-version = "2.0"', 'python-versions = "^3"', '[metadata.files]', 'a = []'];

test.each([
  ['uv.lock', UV],
  ['pylock.toml', PYLOCK],
  ['poetry.lock', POETRY],
])('%s with members of wrong types, missing or doubled', async (path, lines) => {
  const change = fc.tuple(fc.nat(lines.length - 1), fc.oneof(scalar, fc.constant(undefined)));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 4 }), fc.subarray(['x', 'y']), async (changes, extras) => {
      const broken = lines.flatMap((line, index) => {
        const found = changes.find(([at]) => at === index);
        if (found === undefined || line.startsWith('[')) return [line];
        return found[1] === undefined ? [] : [`${line.split(' = ')[0]} = ${found[1]}`];
      });
      const content = broken.join('\n');
      const options = { root: '/p', variables: { python_full_version: '3.13.0', os_name: 'posix' }, extras, groups: [], readBeside: async () => '[tool.poetry.dependencies]\na = "*"\nb = {version = "1", optional = true}' };
      await holds(() => readLock({ path, text: content }, options), content);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test('metadata and file names', () => {
  fc.assert(
    fc.property(text, (content) => {
      parseMetadata(`Name: a\nVersion: 1\nRequires-Dist: ${content}`);
      parseWheelName(`${content}.whl`);
      parseSdistName(`${content}.tar.gz`, content);
    }),
    { seed: 7, numRuns: 2000 },
  );
});
