import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SemanticForm } from '../../../src/python/semantic.js';
import { semanticForm } from '../../../src/python/semantic.js';
import { readRequirements } from '../../../src/python/requirements-file.js';

const HASHES = ['a', 'b', 'c'].map((digit) => `--hash=sha256:${digit.repeat(64)}`);

async function form(files: Readonly<Record<string, string>>): Promise<SemanticForm> {
  const input = await readRequirements([{ value: 'r.txt', place: { file: 'p', line: 1, column: 1 } }], {
    root: '/project',
    env: { TOKEN: 'tok3n' },
    read: async (path) => (files[path] === undefined ? undefined : Buffer.from(files[path])),
  });
  return semanticForm(input);
}

const package_ = fc.record({
  name: fc.constantFrom('Flask_Async', 'zope.interface', 'a', 'b-c', 'D'),
  extras: fc.subarray(['x', 'y_z', 'W']),
  version: fc.constantFrom('==1.0', '==1.0rc1', '>=1,<2', ''),
  marker: fc.constantFrom('', 'python_version >= "3.8" and os_name == "posix"', "sys_platform=='linux'"),
  hashes: fc.subarray(HASHES),
});
type Package = typeof package_ extends fc.Arbitrary<infer T> ? T : never;
const packages = fc.uniqueArray(package_, { selector: (item) => item.name, maxLength: 5 });
const OPTIONS = ['--index-url https://i.example/simple', '--extra-index-url https://x:${TOKEN}@j.example/simple', '--pre'];

function plain(list: readonly Package[]): string {
  return [...OPTIONS, ...list.map((item) => `${item.name}${item.extras.length === 0 ? '' : `[${item.extras.join(',')}]`}${item.version}${item.marker === '' ? '' : ` ; ${item.marker}`} ${item.hashes.join(' ')}`)].join('\n');
}

/** The same meaning in other words, order, lines and files. */
function disguised(list: readonly Package[]): Record<string, string> {
  const lines = [...list].reverse().map((item) => {
    const name = item.name.toUpperCase().replace(/[-_.]/g, '-_');
    const extras = item.extras.length === 0 ? '' : ` [ ${[...item.extras].reverse().map((extra) => extra.toLowerCase().replace('_', '.')).join(' , ')} ]`;
    const version = item.version.replace('rc1', '-C1').replace('>=1,<2', '< 2 , >= 1');
    const marker = item.marker.replace('python_version >= "3.8" and os_name == "posix"', "( os.name=='posix') and python_version>='3.8'").replace("sys_platform=='linux'", ' sys.platform == "linux"');
    return `${name}${extras}${version}${marker === '' ? '' : `;${marker}`} \\\n   ${[...item.hashes].reverse().join(' \\\n ')}   # why`;
  });
  return { 'r.txt': `# head\n\n-r sub/all.txt\n${OPTIONS.slice(2).join('')}  # one\n`, 'sub/all.txt': `${OPTIONS.slice(0, 2).join('\n').replace('x:${TOKEN}@', 'other:${TOKEN}${TOKEN}@')}\r\n${lines.join('\n\n')}\n` };
}

test('what does not change the meaning does not change the form', async () => {
  await fc.assert(
    fc.asyncProperty(packages, async (list) => {
      expect(await form(disguised(list))).toEqual(await form({ 'r.txt': plain(list) }));
    }),
    { seed: 1, numRuns: 150 },
  );
});

test.each([
  ['a pin', 'a==1', 'a==1.1'],
  ['an extra', 'a==1', 'a[x]==1'],
  ['a marker', 'a==1', 'a==1 ; os_name == "nt"'],
  ['a hash', `a==1 ${HASHES[0]}`, `a==1 ${HASHES[1]}`],
  ['one hash fewer', `a==1 ${HASHES[0]} ${HASHES[1]}`, `a==1 ${HASHES[1]}`],
  ['an index', 'a==1', '-i https://i.example\na==1'],
  ['the order of indexes', '--extra-index-url https://i.example\n--extra-index-url https://j.example', '--extra-index-url https://j.example\n--extra-index-url https://i.example'],
  ['formats', 'a==1', '--no-binary a\na==1'],
  ['a build setting', 'a==1', 'a==1 -C x=y'],
  ['a revision', 'a @ git+https://h.example/a@v1', 'a @ git+https://h.example/a@v2'],
  ['editable', './a', '-e ./a'],
  ['a constraint', 'a==1', 'a==1\n-c c.txt'],
  ['a variable in an address', 'a @ https://h.example/1/a.zip', 'a @ https://h.example/${TOKEN}/a.zip'],
])('%s changes it', async (_, before, after) => {
  const constraints = { 'c.txt': 'b<2' };
  expect(await form({ 'r.txt': after, ...constraints })).not.toEqual(await form({ 'r.txt': before, ...constraints }));
});

test('credentials are not in it', async () => {
  const text = JSON.stringify(await form({ 'r.txt': '-i https://user:s3cr3t@i.example/\na @ https://user:s3cr3t@h.example/a.zip?token=s3cr3t\nb @ git+ssh://git:s3cr3t@h.example/b\n-f https://s3cr3t@l.example' }));
  expect(text).not.toContain('s3cr3t');
  expect(text).toContain('git@h.example');
});
