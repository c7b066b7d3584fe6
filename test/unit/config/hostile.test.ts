import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Failed } from '../../../src/core/failure.js';
import { readProject } from '../../../src/config/read.js';
import { Rig } from './rig.js';

const rig = new Rig();
afterAll(() => rig.remove());

describe('encodings', () => {
  test.each<[string, Buffer, string]>([
    ['UTF-16, little end first', Buffer.from('\uFEFFname: s\n', 'utf16le'), '1:1 the file is UTF-16 | Save it as UTF-8'],
    ['UTF-16, big end first', Buffer.from('\uFEFFname: s\n', 'utf16le').swap16(), '1:1 the file is UTF-16 | Save it as UTF-8'],
    ['Latin-1', Buffer.from('name: s\n# größe\n', 'latin1'), '2:5 the file is not UTF-8 | Save it as UTF-8'],
    ['Latin-1 after UTF-8', Buffer.concat([Buffer.from('# \uFFFD日本 '), Buffer.from([0xe9])]), '1:7 the file is not UTF-8 | Save it as UTF-8'],
    ['a character cut in two', Buffer.from('name: é').subarray(0, -1), '1:7 the file is not UTF-8 | Save it as UTF-8'],
    ['a surrogate', Buffer.from([0x61, 0xed, 0xa0, 0x80]), '1:2 the file is not UTF-8 | Save it as UTF-8'],
    ['NUL', Buffer.from('name: s\nstore: a\0b\n'), '2:9 the file has the control character U+0000 | Remove it'],
    ['an escape sequence', Buffer.from('name: "\u001b[31m"\n'), '1:8 the file has the control character U+001B | Remove it'],
    ['a C1 control', Buffer.from('name: "\u009b31m"\n'), '1:8 the file has the control character U+009B | Remove it'],
  ])('%s', async (_, bytes, problem) => {
    expect(await rig.problems(bytes)).toEqual([problem]);
  });
});

describe('bombs', () => {
  test('aliases of aliases', async () => {
    const levels = 'bcdefghi'.split('').map((name, index) => `x-${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(', ')}]\n`);
    const problems = await rig.problems(`name: s\nx-a: &a [${Array(9).fill('lol').join(', ')}]\n${levels.join('')}`);
    expect(problems).toEqual([expect.stringMatching(/^\d+:\d+ the project file has more than 50000 values \| Use fewer aliases$/)]);
  });

  test('merges of merges', async () => {
    const levels = 'bcdefghi'.split('').map((name, index) => `x-${name}: &${name} { ${name}: 1, <<: [${Array(9).fill(`*${'abcdefgh'[index]}`).join(', ')}] }\n`);
    expect(await rig.problems(`name: s\nx-a: &a { a: 1 }\n${levels.join('')}`)).toEqual([expect.stringMatching(/more than 50000 values/)]);
  });

  test('very many aliases of one anchor', async () => {
    expect(await rig.problems(`name: s\nx-a: &a 1\nx-b: [${Array(100_000).fill('*a').join(',')}]\n`)).toEqual([expect.stringMatching(/more than 50000 values/)]);
  });

  test.each([
    ['lists', '['.repeat(200) + ']'.repeat(200)],
    ['lists, beyond any stack', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['lists that never end', '['.repeat(100_000)],
    ['maps', '{a: '.repeat(200) + '}'.repeat(200)],
  ])('deep %s', async (_, text) => {
    const problems = await rig.problems(`name: s\nx-a: ${text}\n`);
    expect(problems.join()).toMatch(/levels of nesting|not valid YAML/);
  });

  test('a huge file', async () => {
    await rig.problems('name: s\n');
    truncateSync(rig.path('project.yml'), 5 * 1024 ** 3);
    await expect(readProject({ cwd: rig.root })).rejects.toMatchObject({ problems: [{ message: 'the project file is larger than 1048576 bytes' }] });
  });
});

describe('what is read', () => {
  test('a pipe is refused and not waited for', async () => {
    execFileSync('mkfifo', [rig.path('pipe')]);
    await expect(readProject({ cwd: rig.root, file: 'pipe' })).rejects.toMatchObject({ problems: [{ message: 'the project file pipe is not a regular file' }] });
    expect(await rig.problems('name: s\nartifacts: { a: { kind: python, builder: debian, requirements: [pipe] } }\n')).toEqual(['2:65 the requirement file pipe is not a regular file']);
  });

  test('links that leave the project, for every kind of file; links inside it are fine', async () => {
    symlinkSync('/etc/hostname', rig.path('outside.txt'));
    symlinkSync(tmpdir(), rig.path('outside'));
    symlinkSync('prod.txt', rig.path('requirements/link.txt'));
    rig.write({ 'escaping/package.json': '{}', 'escaping/Dockerfile': '' });
    symlinkSync('/etc/hostname', rig.path('escaping/package-lock.json'));
    const leaves = 'Put the file itself into the project';
    const problems = await rig.problems(`name: s
artifacts:
  a: { kind: python, builder: debian, requirements: [requirements/link.txt, outside.txt] }
  b: { kind: node, builder: debian, package: escaping/package.json }
images:
  c: { context: outside }
  d: { context: escaping, dockerfile: outside.txt }
`);
    expect(problems.map((problem) => problem.replace(/outside the project: .* \|/, 'outside the project |'))).toEqual([
      `3:77 outside.txt is, through a symbolic link, outside the project | ${leaves}`,
      `4:46 escaping/package-lock.json is, through a symbolic link, outside the project | ${leaves}`,
      `6:17 outside is, through a symbolic link, outside the project | ${leaves}`,
      `7:39 outside.txt is, through a symbolic link, outside the project | ${leaves}`,
    ]);
    for (const name of ['outside', 'outside.txt']) rmSync(rig.path(name));
  });
});

test('no text makes it fail in any other way than with problems that have a place', async () => {
  const word = fc.constantFrom('name', 's', ':', ' ', '\n', '\n  ', '- ', '[', ']', '{', '}', ',', '*a', '&a ', '<<', '"', "'", '|', '>', '#', '!', '?', '~', '1', 'artifacts', 'images', 'web', 'kind', 'node', 'builder', 'dev', '..', '\t', '%', '@', '---');
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.array(word, { maxLength: 40 }).map((words) => words.join('')), fc.string({ unit: 'binary' })), async (text) => {
      try {
        await rig.read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(Failed);
        for (const problem of (error as Failed).problems) {
          expect(problem.reason).toBe('config');
          expect(problem.place).toMatchObject({ file: 'project.yml', line: expect.any(Number), column: expect.any(Number) });
          expect(problem.place!.line).toBeLessThanOrEqual(text.split('\n').length);
        }
      }
    }),
    { numRuns: 300 },
  );
});
