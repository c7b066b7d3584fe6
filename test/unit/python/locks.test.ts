import { describe, expect, test } from '@jest/globals';
import { Failed } from '../../../src/core/failure.js';
import { formatPlace } from '../../../src/core/place.js';
import type { LockedPackage } from '../../../src/python/locks/locked-package.js';
import { poetryAllows } from '../../../src/python/locks/poetry-constraint.js';
import { lockFormat, readLock } from '../../../src/python/locks/read-lock.js';
import type { LockOptions } from '../../../src/python/locks/reading.js';
import { parseVersion } from '../../../src/python/version.js';

const A = 'a'.repeat(64);
const COMMIT = 'c'.repeat(40);
const variables = { python_version: '3.13', python_full_version: '3.13.5', sys_platform: 'linux', os_name: 'posix' };

function read(path: string, text: string, options: Partial<LockOptions> = {}): Promise<readonly LockedPackage[]> {
  return readLock({ path, text }, { root: '/project', variables, extras: [], groups: [], readBeside: async () => undefined, ...options });
}

async function complaints(path: string, text: string, options: Partial<LockOptions> = {}): Promise<readonly string[]> {
  const failure = await read(path, text, options).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof Failed)) throw new Error(`did not fail as expected: ${String(failure)}`);
  return failure.problems.map((problem) => `${problem.place === undefined ? '' : formatPlace(problem.place)} ${problem.message}`);
}

const sources = (packages: readonly LockedPackage[]) => Object.fromEntries(packages.map((item) => [item.name, item.source]));

test('formats by file name', () => {
  expect(['a/pylock.toml', 'pylock.dev.toml', 'pylock.a.b.toml', 'uv.lock', 'x/poetry.lock', 'requirements.txt'].map(lockFormat)).toEqual(['pylock', 'pylock', undefined, 'uv', 'poetry', undefined]);
});

describe('uv.lock', () => {
  const head = 'version = 1\nrevision = 3\nrequires-python = ">=3.9"\n';
  const root = (dependencies: readonly string[], rest = '') => `\n[[package]]\nname = "app"\nversion = "0"\nsource = { virtual = "." }\ndependencies = [${dependencies.map((name) => `{ name = "${name}" }`).join(', ')}]\n${rest}`;
  const entry = (name: string, source: string, rest = '') => `\n[[package]]\nname = "${name}"\nversion = "1.0"\nsource = { ${source} }\n${rest}\n`;

  test('every kind of source', async () => {
    const text =
      head +
      root(['reg', 'flat', 'git', 'url', 'wheel', 'dir', 'edit']) +
      entry('reg', 'registry = "https://user:pw@i.example/simple"', `sdist = { url = "https://f.example/reg-1.0.tar.gz", hash = "sha256:${A}", size = 7 }\nwheels = [{ url = "https://f.example/reg-1.0-py3-none-any.whl", hash = "sha256:${A}" }]`) +
      entry('flat', 'registry = "../wheels"', `wheels = [{ path = "flat-1.0-py3-none-any.whl", hash = "sha256:${A}" }]`) +
      entry('git', `git = "https://h.example/r?subdirectory=sub%2Fdir&rev=main#${COMMIT}"`) +
      entry('url', 'url = "https://h.example/url-1.0.zip", subdirectory = "s"', `sdist = { hash = "sha256:${A}" }`) +
      entry('wheel', 'path = "w/wheel-1.0-py3-none-any.whl"', `wheels = [{ filename = "wheel-1.0-py3-none-any.whl", hash = "sha256:${A}" }]`) +
      entry('dir', 'directory = "d"') +
      entry('edit', 'editable = "e"');
    expect(sources(await read('app/uv.lock', text))).toEqual({
      reg: {
        kind: 'index',
        index: { url: 'https://user:pw@i.example/simple', shown: 'https://i.example/simple' },
        files: [
          { filename: 'reg-1.0-py3-none-any.whl', url: { url: 'https://f.example/reg-1.0-py3-none-any.whl', shown: 'https://f.example/reg-1.0-py3-none-any.whl' }, hashes: [`sha256:${A}`] },
          { filename: 'reg-1.0.tar.gz', url: { url: 'https://f.example/reg-1.0.tar.gz', shown: 'https://f.example/reg-1.0.tar.gz' }, hashes: [`sha256:${A}`], size: 7 },
        ],
      },
      flat: { kind: 'index', files: [{ filename: 'flat-1.0-py3-none-any.whl', path: 'wheels/flat-1.0-py3-none-any.whl', hashes: [`sha256:${A}`] }] },
      git: { kind: 'git', url: { url: 'https://h.example/r', shown: 'https://h.example/r' }, commit: COMMIT, subdirectory: 'sub/dir' },
      url: { kind: 'url', file: { filename: 'url-1.0.zip', url: { url: 'https://h.example/url-1.0.zip', shown: 'https://h.example/url-1.0.zip' }, hashes: [`sha256:${A}`] }, subdirectory: 's' },
      wheel: { kind: 'path', path: 'app/w/wheel-1.0-py3-none-any.whl', form: 'archive', editable: false, hashes: [`sha256:${A}`] },
      dir: { kind: 'path', path: 'app/d', form: 'directory', editable: false, hashes: [] },
      edit: { kind: 'path', path: 'app/e', form: 'directory', editable: true, hashes: [] },
    });
  });

  test('a workspace without a project of its own: all members', async () => {
    const text = `${head}[manifest]\nmembers = ["a", "b"]\n[manifest.dependency-groups]\ndev = [{ name = "c" }]\n${entry('a', 'editable = "a"')}${entry('b', 'virtual = "b"')}${entry('c', 'registry = "https://i.example"')}${entry('d', 'directory = "d"')}`;
    expect((await read('uv.lock', text)).map((item) => item.name)).toEqual(['a']);
    expect((await read('uv.lock', text, { groups: ['dev'] })).map((item) => item.name)).toEqual(['a', 'c']);
  });

  test('complaints', async () => {
    expect(await complaints('uv.lock', 'version = 1\nx = ')).toEqual([expect.stringMatching(/^uv\.lock:2:\d+ uv\.lock is not valid TOML: /)]);
    expect(await complaints('uv.lock', '# first\nversion = 2')).toEqual(['uv.lock:2:1 uv.lock has format version 2, version 1 is supported']);
    expect(await complaints('uv.lock', 'version = 1\nrequires-python = ">=3.14"\nsupported-markers = ["sys_platform == \'win32\'"]')).toEqual([
      'uv.lock:2:1 uv.lock is for Python >=3.14, the builder has 3.13.5',
      "uv.lock:3:1 uv.lock is not for the builder's platform: sys_platform == 'win32'",
    ]);
    expect(await complaints('uv.lock', head + root(['gone', 'twice']) + entry('twice', 'registry = "r"') + entry('twice', 'registry = "s"'))).toEqual([
      'uv.lock:5:1 app needs gone, which is not in uv.lock',
      'uv.lock:5:1 app needs twice, which is ambiguous in uv.lock',
    ]);
    expect(await complaints('uv.lock', head + root(['out']) + entry('out', 'directory = "../out"'))).toEqual(['uv.lock:11:1 out is taken from outside the project']);
  });
});

describe('pylock.toml', () => {
  const head = 'lock-version = "1.0"\ncreated-by = "test"\nextras = ["web"]\ndependency-groups = ["dev", "doc"]\ndefault-groups = ["dev"]\n';
  const file = (name: string) => `{ url = "https://f.example/${name}", hashes = { sha256 = "${A}" } }`;

  test('sources, markers of extras and groups', async () => {
    const text =
      head +
      `[[packages]]\nname = "W_x"\nversion = "1"\nmarker = "'web' in extras"\nsdist = ${file('w_x-1.tar.gz')}\ndependencies = [{ name = "dev-only" }, { name = "nowhere" }]\n` +
      `[[packages]]\nname = "dev-only"\nmarker = "'dev' in dependency_groups"\nvcs = { type = "git", url = "https://h.example/r", requested-revision = "main", commit-id = "${COMMIT}", subdirectory = "s" }\n` +
      `[[packages]]\nname = "doc-only"\nmarker = "'doc' in dependency_groups"\ndirectory = { path = "d", editable = true }\n` +
      `[[packages]]\nname = "local"\narchive = { path = "a/local-1.zip", hashes = { sha256 = "${A}" } }\n` +
      `[[packages]]\nname = "remote"\nversion = "2"\narchive = { url = "https://h.example/remote.zip", hashes = { sha256 = "${A}" }, subdirectory = "x" }\n`;
    const names = async (options: Partial<LockOptions>) => (await read('l/pylock.toml', text, options)).map((item) => item.name);
    expect(await names({})).toEqual(['dev-only', 'local', 'remote']);
    expect(await names({ extras: ['Web'], groups: ['doc'] })).toEqual(['doc-only', 'local', 'remote', 'w-x']);
    const packages = await read('l/pylock.toml', text, { extras: ['web'], groups: ['dev', 'doc'] });
    expect(packages.find((item) => item.name === 'w-x')).toMatchObject({ dependencies: ['dev-only'], member: false });
    expect(sources(packages)).toMatchObject({
      'dev-only': { kind: 'git', commit: COMMIT, subdirectory: 's' },
      'doc-only': { kind: 'path', path: 'l/d', form: 'directory', editable: true },
      local: { kind: 'path', path: 'l/a/local-1.zip', form: 'archive', hashes: [`sha256:${A}`] },
      remote: { kind: 'url', file: { filename: 'remote.zip', hashes: [`sha256:${A}`] }, subdirectory: 'x' },
    });
  });

  test('complaints', async () => {
    expect(await complaints('pylock.toml', 'lock-version = "2.0"')).toEqual(['pylock.toml:1:1 pylock.toml has lock-version 2.0, 1.0 is supported']);
    const text =
      `${head}[[packages]]\nname = "a"\nversion = "1"\n` +
      `[[packages]]\nname = "b"\nversion = "1"\nmarker = "nope == 'x'"\nrequires-python = ">=4"\nwheels = [{ url = "https://f.example/b-1-py3-none-any.whl", hashes = {} }]\n` +
      `[[packages]]\nname = "b"\nversion = "2"\nsdist = ${file('b-2.tar.gz')}\n` +
      `[[packages]]\nname = "h"\nvcs = { type = "hg", url = "https://h.example", commit-id = "1" }\n`;
    expect(await complaints('pylock.toml', text)).toEqual([
      'pylock.toml:12:1 marker "nope == \'x\'" is not valid: unknown marker variable nope',
      'pylock.toml:13:1 b needs Python >=4, the builder has 3.13.5',
      'pylock.toml:15:1 b is in pylock.toml twice for this environment',
      'pylock.toml:6:1 a must have exactly one of vcs, directory, archive, or sdist and wheels',
      'pylock.toml:9:1 b-1-py3-none-any.whl of b has no usable hash',
      'pylock.toml:19:1 h comes from hg, git is supported',
    ]);
  });
});

describe('poetry.lock', () => {
  const files = (name: string) => `files = [{ file = "${name}-1.0.tar.gz", hash = "sha256:${A}" }]`;
  const entry = (name: string, rest: string, version = '1.0') => `[[package]]\nname = "${name}"\nversion = "${version}"\noptional = false\npython-versions = "*"\n${rest}\n`;

  test('format 2.1: groups and markers of the packages', async () => {
    const text =
      entry('main', `groups = ["main"]\n${files('main')}\n[package.dependencies]\nShared = "*"`) +
      entry('shared', `groups = ["main", "dev"]\nmarkers = {main = "sys_platform == \\"win32\\"", dev = "python_version > \\"3\\""}\n${files('shared')}`) +
      entry('webby', `groups = ["main"]\nmarkers = "extra == \\"web\\""\n${files('webby')}`) +
      `[extras]\nweb = ["webby"]\n[metadata]\nlock-version = "2.1"\npython-versions = "^3.9"\n`;
    const names = async (options: Partial<LockOptions>) => (await read('poetry.lock', text, options)).map((item) => item.name);
    expect(await names({})).toEqual(['main']);
    expect(await names({ extras: ['web'], groups: ['dev'] })).toEqual(['main', 'shared', 'webby']);
    expect((await read('poetry.lock', text, { groups: ['dev'] }))[0]?.dependencies).toEqual(['shared']);
    expect(await complaints('poetry.lock', text, { extras: ['x'], groups: ['y'] })).toEqual(['poetry.lock:1:1 poetry.lock has no extra x', 'poetry.lock:1:1 poetry.lock has no group y']);
  });

  test('older formats: from the pyproject.toml beside it', async () => {
    const text =
      entry('fork', '', '1.0') +
      entry('fork', '', '2.0') +
      entry('top', '[package.dependencies]\nfork = [{version = ">=2", markers = "python_version >= \\"3.10\\""}, {version = "<2", markers = "python_version < \\"3.10\\""}]\nspeed = {version = "*", optional = true, markers = "extra == \\"fast\\""}\n[package.extras]\nfast = ["speed (>=1)"]') +
      entry('speed', '') +
      entry('gitty', `[package.source]\ntype = "git"\nurl = "https://h.example/r"\nreference = "main"\nresolved_reference = "${COMMIT}"`) +
      entry('opt', '') +
      `[extras]\nweb = ["opt"]\n[metadata]\nlock-version = "1.1"\npython-versions = ">=3.9"\n[metadata.files]\n${['fork', 'top', 'speed', 'opt'].map((name) => `${name} = [{ file = "${name}.tar.gz", hash = "sha256:${A}" }]`).join('\n')}\n`;
    const project = '[tool.poetry.dependencies]\npython = "^3.9"\ntop = {version = "^1", extras = ["fast"]}\nopt = {version = "*", optional = true}\nold = {version = "*", python = "<3.0"}\n[tool.poetry.group.dev.dependencies]\ngitty = {git = "x"}\n';
    const names = async (options: Partial<LockOptions>) => (await read('p/poetry.lock', text, { readBeside: async () => project, ...options })).map((item) => `${item.name} ${item.version}`);
    expect(await names({})).toEqual(['fork 2.0', 'speed 1.0', 'top 1.0']);
    expect(await names({ extras: ['web'], groups: ['dev'] })).toEqual(['fork 2.0', 'gitty 1.0', 'opt 1.0', 'speed 1.0', 'top 1.0']);
    expect(await complaints('p/poetry.lock', text)).toEqual([expect.stringContaining('needs the pyproject.toml beside it')]);
    expect(await complaints('p/poetry.lock', text, { readBeside: async () => project, groups: ['x'] })).toEqual(['p/pyproject.toml:1:1 p/pyproject.toml has no group x']);
  });

  test.each([
    ['^1.2.3', ['1.2.3', '1.9'], ['1.2.2', '2.0']],
    ['^0.2.3', ['0.2.9'], ['0.3']],
    ['^0.0.3', ['0.0.3'], ['0.0.4']],
    ['~1.2', ['1.2.9'], ['1.3']],
    ['~1', ['1.9'], ['2.0']],
    ['1.*', ['1.9'], ['2.0']],
    ['1.5', ['1.5.0'], ['1.6']],
    ['>=1,<2 || >=3', ['1.5', '3.1'], ['2.5']],
    ['>=1 <2', ['1.5'], ['2.5']],
    ['*', ['0.1'], []],
    ['~=1.4.2', ['1.4.5'], ['1.5']],
  ] as const)('constraint %s', (constraint, inside, outside) => {
    const allowed = (text: string) => poetryAllows(constraint, parseVersion(text) as never);
    expect([inside.map(allowed), outside.map(allowed)]).toEqual([inside.map(() => true), outside.map(() => false)]);
  });
});
