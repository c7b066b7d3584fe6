import { describe, expect, test } from '@jest/globals';
import { Failed } from '../../../src/core/failure.js';
import { formatPlace } from '../../../src/core/place.js';
import type { RequirementInput } from '../../../src/python/requirement.js';
import type { ReadOptions } from '../../../src/python/requirements-file.js';
import { readRequirements } from '../../../src/python/requirements-file.js';
import { semanticForm, semanticLine } from '../../../src/python/semantic.js';

const HASH_A = `sha256:${'a'.repeat(64)}`;
const HASH_B = `sha256:${'b'.repeat(64)}`;

type Files = Readonly<Record<string, string | Uint8Array>>;

function read(files: Files | string, options: Partial<ReadOptions> = {}, first = ['r.txt']): Promise<RequirementInput> {
  const all: Files = typeof files === 'string' ? { 'r.txt': files } : files;
  return readRequirements(
    first.map((value) => ({ value, place: { file: 'project.yml', line: 5, column: 7 } })),
    {
      root: '/project',
      env: {},
      read: async (path) => {
        const content = all[path];
        return typeof content === 'string' ? Buffer.from(content) : content;
      },
      exists: async (path) => path in all,
      ...options,
    },
  );
}

async function lines(text: Files | string, options: Partial<ReadOptions> = {}): Promise<readonly string[]> {
  return (await read(text, options)).requirements.map(semanticLine);
}

async function complaints(files: Files | string, options: Partial<ReadOptions> = {}): Promise<readonly string[]> {
  const failure = await read(files, options).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof Failed)) throw new Error(`did not fail as expected: ${String(failure)}`);
  return failure.problems.map((problem) => `${problem.place === undefined ? '' : formatPlace(problem.place)} ${problem.message}`);
}

describe('lines', () => {
  test('comments, blank lines, continuations', async () => {
    expect(
      await lines(
        [
          '# a comment \\',
          'flask==3.0 # why not',
          '',
          'a==1 \\',
          '   --hash=' + HASH_B + ' \\',
          '   --hash=' + HASH_A,
          'b==1 \\',
          '# the comment ends the joining',
          'c@https://h.example/c.zip#egg=c',
          'd\\',
          '==2',
          '   e >= 1 , < 2   ',
          'last\\',
        ].join('\n'),
      ),
    ).toEqual(['flask==3.0', `a==1 --hash=${HASH_A} --hash=${HASH_B}`, 'b==1', 'c @ https://h.example/c.zip', 'd==2', 'e<2,>=1', 'last']);
  });

  test('names are normalised, versions too, extras sorted', async () => {
    expect(await lines('Zope.Interface[Test, a_b]==1.0.0-RC1\nFOO__bar (>=1.0,)')).toEqual(['zope-interface[a-b,test]==1.0.0rc1', 'foo-bar>=1.0']);
  });

  test('carriage returns and form feeds end lines; tabs do not start options', async () => {
    expect(await lines('a==1\r\nb==2\rc==3\fd==4')).toEqual(['a==1', 'b==2', 'c==3', 'd==4']);
    expect(await complaints(`a==1\t--hash=${HASH_A}`)).toHaveLength(1);
  });

  test('markers', async () => {
    expect(await lines(`a==1;python_version<'3' and os.name == "nt"\nb ; extra == 'X_y'`)).toEqual([
      'a==1 ; os_name == "nt" and python_version < "3"',
      'b ; extra == "x-y"',
    ]);
  });

  test('markers after URLs need white space on one side; semicolons of the URL stay', async () => {
    const text = ['svn+https://h.example/t#egg=s ;os_name=="nt"', 'https://h.example/a;b.zip ; os_name=="nt"', 'https://h.example/c.zip; os_name=="nt"', 'https://h.example/d;e.zip'];
    expect(await lines(text.join('\n'))).toEqual([
      's @ svn+https://h.example/t ; os_name == "nt"',
      ' @ https://h.example/a;b.zip ; os_name == "nt"',
      ' @ https://h.example/c.zip ; os_name == "nt"',
      ' @ https://h.example/d;e.zip',
    ]);
  });

  test.each([
    ['utf-8 mark', Buffer.from('\ufeffa==1')],
    ['utf-16 little endian', Buffer.from('\ufeffa==1', 'utf16le')],
    ['utf-16 big endian', Buffer.from('\ufeffa==1', 'utf16le').swap16()],
    ['declared latin-1', Buffer.from('# -*- coding: latin-1 -*-\na==1 # caf\xe9', 'latin1')],
  ])('encoding: %s', async (_, bytes) => {
    expect(await lines({ 'r.txt': bytes })).toEqual(['a==1']);
  });

  test('an undeclared other encoding is a problem', async () => {
    expect(await complaints({ 'r.txt': Buffer.from('a==1 # caf\xe9', 'latin1') })).toEqual(['r.txt:1:1 r.txt is not valid UTF-8 text']);
  });
});

describe('sources', () => {
  test('URLs, version control, paths', async () => {
    const { requirements } = await read(
      [
        'https://u:p@h.example/dist/My_Pkg-1.0-py3-none-any.whl ; python_version > "3"',
        `x @ https://h.example/x-1.zip#${HASH_A.replace(':', '=')}&subdirectory=lib/x`,
        'git+ssh://git@h.example/a/b.git@v1.0#egg=b[extra]&subdirectory=py',
        'c @ git+https://token@h.example/c@feature/x',
        './local[dev]',
        'vendor/thing-1.0.tar.gz',
        'file:///project/wheels/foo-2-py3-none-any.whl',
        '-e ./src/pkg[all]',
        '-e git+https://h.example/e.git#egg=e',
      ].join('\n'),
    );
    expect(requirements.map((r) => [r.name, r.extras, r.source, r.editable])).toEqual([
      ['my-pkg', [], { kind: 'url', url: { url: 'https://u:p@h.example/dist/My_Pkg-1.0-py3-none-any.whl', shown: 'https://h.example/dist/My_Pkg-1.0-py3-none-any.whl' } }, false],
      ['x', [], { kind: 'url', url: { url: 'https://h.example/x-1.zip', shown: 'https://h.example/x-1.zip' }, subdirectory: 'lib/x' }, false],
      ['b', ['extra'], { kind: 'vcs', vcs: 'git', url: { url: 'ssh://git@h.example/a/b.git', shown: 'ssh://git@h.example/a/b.git' }, revision: 'v1.0', subdirectory: 'py' }, false],
      ['c', [], { kind: 'vcs', vcs: 'git', url: { url: 'https://token@h.example/c', shown: 'https://h.example/c' }, revision: 'feature/x' }, false],
      [undefined, ['dev'], { kind: 'path', path: 'local', form: 'directory' }, false],
      [undefined, [], { kind: 'path', path: 'vendor/thing-1.0.tar.gz', form: 'archive' }, false],
      ['foo', [], { kind: 'path', path: 'wheels/foo-2-py3-none-any.whl', form: 'archive' }, false],
      [undefined, ['all'], { kind: 'path', path: 'src/pkg', form: 'directory' }, true],
      ['e', [], { kind: 'vcs', vcs: 'git', url: { url: 'https://h.example/e.git', shown: 'https://h.example/e.git' } }, true],
    ]);
    expect(requirements[1]?.hashes).toEqual([HASH_A]);
  });

  test('paths out of the project need permission', async () => {
    expect(await complaints('../other')).toEqual(['r.txt:1:1 the path leads out of the project']);
    expect((await read('../other', { allowOutside: true })).requirements[0]?.source).toEqual({ kind: 'path', path: '../other', form: 'directory' });
  });
});

describe('options', () => {
  test('every way to write them', async () => {
    const { options } = await read(
      [
        '-i https://u:secret@one.example/simple',
        '--index-url=https://two.example/simple --extra-index-url "https://three.example/a b"',
        "--find-links 'wheels dir'",
        '-fhttps://four.example/links',
        '--trusted-host four.example',
        '--pre --prefer-binary',
        '--no-binary :all:',
        '--only-binary=Foo.Bar,baz',
        '--use-fe fast-deps',
        '--require-h',
      ].join('\n'),
    );
    expect(options).toEqual({
      indexUrl: { url: 'https://two.example/simple', shown: 'https://two.example/simple' },
      extraIndexUrls: [{ url: 'https://three.example/a b', shown: 'https://three.example/a b' }],
      noIndex: false,
      findLinks: [{ path: 'wheels dir' }, { url: { url: 'https://four.example/links', shown: 'https://four.example/links' } }],
      trustedHosts: ['four.example'],
      prereleases: true,
      noBinary: 'all',
      onlyBinary: ['baz', 'foo-bar'],
      preferBinary: true,
      requireHashes: true,
      useFeatures: ['fast-deps'],
    });
  });

  test('per requirement', async () => {
    const { requirements } = await read(`a==1 --global-option="--quiet x" -C 'k=v w' --config-settings=z= --hash ${HASH_A} --no-binary a`);
    expect(requirements[0]).toMatchObject({ configSettings: [['k', 'v w'], ['z', '']], globalOptions: ['--quiet x'], hashes: [HASH_A] });
  });

  test('a lock\'s line, which has nothing but hashes, means what the same options written another way do', async () => {
    const written = [`--hash=${HASH_B} --hash=${HASH_A}`, `--hash=${HASH_B} \\\n\t--hash=${HASH_A}  \t`, `--hash ${HASH_B} '--hash=${HASH_A}'`, `--hash=${HASH_B} --hash=${HASH_A} --hash=${HASH_B}`];
    const found = await Promise.all(written.map(async (options) => (await read(`a==1 ; python_version>"3" ${options}`)).requirements));
    expect(found[0]).toMatchObject([{ name: 'a', hashes: [HASH_A, HASH_B], configSettings: [], globalOptions: [] }]);
    for (const other of found) expect(other).toEqual(found[0]);
    expect(await complaints(`a==1 --hash=${HASH_A}x`)).toHaveLength(1);
  });

  test('format options after an editable requirement hold for the set', async () => {
    expect((await read('-e ./x --no-binary :all:')).options.noBinary).toBe('all');
  });

  test('one hash requires all', async () => {
    expect((await read(`a==1 --hash=${HASH_A}`)).options.requireHashes).toBe(true);
  });

  test('what pip ignores silently is a warning', async () => {
    const { warnings } = await read(`-e ./x ; python_version<"3"\n--hash=${HASH_A}\na==1 --pre`);
    expect(warnings.map((warning) => `${formatPlace(warning.place as never)} ${warning.message}`)).toEqual([
      'r.txt:1:8 ; after the options of this line is ignored',
      'r.txt:2:1 option --hash without a requirement is ignored',
      'r.txt:3:6 option --pre after a requirement is ignored',
    ]);
  });
});

describe('variables', () => {
  const env = { TOKEN: 's3cr3t', VERSION: '2.0', EMPTY: '' };

  test('only allowed ones, only in the form ${NAME}', async () => {
    expect(await lines('a==${VERSION}', { env })).toEqual(['a==2.0']);
    expect(await complaints('b==1\n  a==${NOPE} \\\n ${EMPTY}\nc==', { env })).toEqual([
      'r.txt:2:6 variable NOPE is not set or not allowed here',
      'r.txt:3:2 variable EMPTY is not set or not allowed here',
      'r.txt:4:2 == is not a version specifier',
    ]);
  });

  test('values never show', async () => {
    const input = await read(
      [
        '--index-url https://user:${TOKEN}@one.example/simple',
        "--extra-index-url 'https://two.example/${TOKEN}/simple'",
        'a @ https://${TOKEN}@h.example/a.zip',
        'b @ git+https://x:${TOKEN}@h.example/b@main',
        'c @ https://h.example/${TOKEN}/c.zip',
      ].join('\n'),
      { env },
    );
    expect(JSON.stringify(semanticForm(input))).not.toContain('s3cr3t');
    expect(input.options.indexUrl).toEqual({ url: 'https://user:s3cr3t@one.example/simple', shown: 'https://one.example/simple' });
    expect(input.options.extraIndexUrls[0]?.shown).toBe('https://two.example/${TOKEN}/simple');
    expect(input.requirements[0]?.source).toMatchObject({ url: { url: 'https://s3cr3t@h.example/a.zip', shown: 'https://h.example/a.zip' } });
    expect(input.requirements[2]?.source).toMatchObject({ url: { url: 'https://h.example/s3cr3t/c.zip', shown: expect.stringMatching(/^https:\/\/h\.example\/\$\{TOKEN\}\/c\.zip#variables=[0-9a-f]{8}$/) } });
    expect(await complaints('a==1 ${TOKEN}', { env })).toEqual([expect.not.stringContaining('s3cr3t')]);
  });
});

describe('included files', () => {
  test('relative to their file, requirements relative to the root', async () => {
    const input = await read({ 'reqs/prod.txt': '-r base.txt\n-c ../c.txt\n./lib', 'reqs/base.txt': 'a==1', 'c.txt': 'b<2' }, {}, ['reqs/prod.txt']);
    expect(input.requirements.map(semanticLine)).toEqual(['a==1', ' @ lib']);
    expect(input.constraints.map(semanticLine)).toEqual(['b<2']);
    expect(input.files).toEqual(['reqs/prod.txt', 'reqs/base.txt', 'c.txt']);
  });

  test('cycles, missing ones, the network, the outside', async () => {
    expect(await complaints({ 'r.txt': '-r a.txt\n-r none.txt\n  -r https://u:p@h.example/r.txt\n-r ../x.txt', 'a.txt': '\n-r r.txt' })).toEqual([
      'a.txt:2:1 r.txt includes itself: r.txt → a.txt → r.txt',
      'r.txt:2:1 there is no file none.txt',
      'r.txt:3:3 https://h.example/r.txt would have to be read from the network',
      'r.txt:4:1 ../x.txt lies outside the project',
    ]);
  });

  test('a missing first file is complained about where it is named', async () => {
    expect(await complaints({})).toEqual(['project.yml:5:7 there is no file r.txt']);
  });

  test('from the network by a reader, its includes relative to it', async () => {
    const pages: Record<string, string> = { 'https://h.example/x/r.txt': '-r sub/s.txt', 'https://h.example/x/sub/s.txt': 'a==1' };
    expect(await lines('-r https://h.example/x/r.txt', { readUrl: async (url) => Buffer.from(pages[url] as string) })).toEqual(['a==1']);
  });
});

describe('complaints', () => {
  test.each([
    ['foo=1.0', 'r.txt:1:4 "=" compares no versions: write "=="'],
    ['  foo bar', 'r.txt:1:7 expected ==, another version comparison, ";" or the end'],
    ['foo==1.0 bar', 'r.txt:1:10 expected ",", ";" or the end'],
    ['foo>=1.*', 'r.txt:1:4 >=1.* is not a version specifier'],
    ['foo==1.0 ; python_versio < "3"', 'r.txt:1:12 unknown marker variable python_versio'],
    ['foo \\\n  ==1 ; \\\n os_name = "x"', 'r.txt:3:10 expected a marker operator: <=, <, !=, ==, >=, >, ~=, ===, in, not in'],
    ['foo[a', 'r.txt:1:4 this "[" is never closed'],
    ['--frob x', 'r.txt:1:1 unknown option --frob'],
    ['--re x.txt', 'r.txt:1:1 option --re is ambiguous: --requirement, --require-hashes'],
    ['foo --hash', 'r.txt:1:5 option --hash needs a value'],
    ['foo --hash=sha256:zz', expect.stringContaining('r.txt:1:12 a hash is an algorithm')],
    [`foo --hash=md5:${'a'.repeat(32)}`, 'r.txt:1:12 hash algorithms allowed here are sha256, sha384 and sha512'],
    ['--index-url "x', 'r.txt:1:13 this quotation is never closed'],
    ['-e https://h.example/x.zip', expect.stringContaining('r.txt:1:4 an editable requirement is')],
    ['-e git+https://h.example/x', 'r.txt:1:4 the URL does not tell the name of its package: add #egg=NAME'],
    ['git+git@h.example:a/b.git', expect.stringContaining('r.txt:1:1 a version control URL needs a scheme')],
    ['_foo==1', 'r.txt:1:1 expected the name of a package'],
    ['-c c.txt', 'c.txt:1:1 the constraint for a cannot have extras'],
    ['a==1\nA==1.0\na==2', 'r.txt:3:1 a is required twice, as 1 and as 2'],
  ])('%j', async (text, message) => {
    expect(await complaints({ 'r.txt': text, 'c.txt': 'a[b]' })).toEqual([message]);
  });

  test('pins that differ under different markers are fine', async () => {
    expect(await lines('a==1; python_version<"3"\na==2; python_version>="3"')).toHaveLength(2);
  });
});
