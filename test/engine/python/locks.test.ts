import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { markerApplies } from '../../../src/python/marker.js';
import type { LockedPackage } from '../../../src/python/locks/locked-package.js';
import { readLock } from '../../../src/python/locks/read-lock.js';
import { readRequirements } from '../../../src/python/requirements-file.js';
import { pinnedVersion } from '../../../src/python/specifier.js';
import { askPython, BUILDER, run } from './oracle.js';

/** A workspace with forks by Python version, conflicting extras, groups, a local archive and a member. */
const PROJECT: Readonly<Record<string, string>> = {
  'pyproject.toml': `
[project]
name = "My_App"
version = "0.1.0"
requires-python = ">=3.9"
dependencies = ["lib", "click<8.2 ; python_version < '3.10'", "click>=8.2 ; python_version >= '3.10'", "colorama ; sys_platform == 'win32'", "requests[socks]"]
[project.optional-dependencies]
Web_UI = ["jinja2"]
old = ["itsdangerous==2.0.1"]
new = ["itsdangerous==2.2.0"]
empty = []
[dependency-groups]
dev = ["iniconfig", {include-group = "lint"}]
lint = ["pluggy"]
docs = ["docutils"]
[tool.uv]
conflicts = [[{extra="old"},{extra="new"}]]
[tool.uv.sources]
lib = { workspace = true }
[tool.uv.workspace]
members = ["packages/*"]
`,
  'packages/lib/pyproject.toml': `
[project]
name = "lib"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["attrs"]
[project.optional-dependencies]
more = ["idna"]
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
`,
};

interface Choice {
  readonly extras: readonly string[];
  readonly groups: readonly string[];
}

const CHOICES: readonly Choice[] = [
  { extras: [], groups: [] },
  { extras: ['web-ui'], groups: [] },
  { extras: ['old', 'empty'], groups: ['docs'] },
  { extras: ['new', 'Web_UI'], groups: ['dev', 'docs'] },
  { extras: [], groups: ['lint'] },
];

let folder: string;
let variables: Readonly<Record<string, string>>;
const exported = (index: number, format: string): Promise<string> => readFile(join(folder, `${index}.${format}`), 'utf8');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'locks-'));
  for (const [name, text] of Object.entries(PROJECT)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const exports = CHOICES.map(({ extras, groups }, index) => {
    const flags = ['--no-default-groups', ...extras.map((name) => `--extra ${name}`), ...groups.map((name) => `--group ${name}`)].join(' ');
    return `uv export -q --frozen --no-hashes --no-header --no-annotate ${flags} -o ${index}.txt; uv export -q --frozen --format pylock.toml ${flags} -o pylock.toml; mv pylock.toml ${index}.toml`;
  });
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  const owner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const settings = ['--user', owner, '--env', 'HOME=/tmp', '--env', `SSL_CERT_FILE=${bundle}`, '--env', `PIP_CERT=${bundle}`, '--env', 'UV_CACHE_DIR=/tmp/uv', '--volume', `${bundle}:${bundle}:ro`, '--volume', `${folder}:/work`, '--workdir', '/work'];
  await run(['run', '--rm', ...settings, BUILDER, 'sh', '-ec', `uv lock -q; ${exports.join('; ')}; pip lock -q 'requests[socks]' -o pylock.pip.toml`]);
  variables = (await askPython({})).environment;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `name==version` of what uv exports, markers applied for an interpreter of this version. */
async function expected(index: number, environment: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const text = await exported(index, 'txt');
  const input = await readRequirements([{ value: 'r.txt', place: { file: 'r.txt', line: 1, column: 1 } }], { root: '/p', env: {}, read: async () => Buffer.from(text) });
  return input.requirements
    .filter((item) => markerApplies(item.marker, environment))
    .map((item) => (item.source.kind === 'path' ? `lib==1.0` : `${item.name}==${pinnedVersion(item.specifiers)}`))
    .sort();
}

const pins = (packages: readonly LockedPackage[]): readonly string[] => packages.map((item) => `${item.name}==${item.version}`).sort();

test('what pip lock writes', async () => {
  const packages = await readLock({ path: 'pylock.pip.toml', text: await readFile(join(folder, 'pylock.pip.toml'), 'utf8') }, { root: '/p', variables, extras: [], groups: [], readBeside: async () => undefined });
  expect(packages.map((item) => item.name)).toEqual(['certifi', 'charset-normalizer', 'idna', 'pysocks', 'requests', 'urllib3']);
  expect(packages.every((item) => item.source.kind === 'index' && item.source.files[0]?.hashes.length === 1)).toBe(true);
});

describe.each(['3.13', '3.9'])('Python %s', (python) => {
  const environment = (): Readonly<Record<string, string>> => ({ ...variables, python_version: python, python_full_version: `${python}.1` });
  const options = (choice: Choice) => ({ root: '/p', variables: environment(), ...choice, readBeside: async () => undefined });

  test.each(CHOICES.map((choice, index) => [index, choice] as const))('uv.lock selects what uv exports, choice %i', async (index, choice) => {
    const packages = await readLock({ path: 'uv.lock', text: await readFile(join(folder, 'uv.lock'), 'utf8') }, options(choice));
    expect(pins(packages)).toEqual(await expected(index, environment()));
    expect(packages.find((item) => item.name === 'lib')).toMatchObject({ member: true, source: { kind: 'path', path: 'packages/lib', form: 'directory', editable: true }, dependencies: ['attrs'] });
    expect(packages.find((item) => item.name === 'requests')?.extras).toEqual(['socks']);
  });

  test.each(CHOICES.map((_, index) => [index]))('pylock.toml selects what uv exports, choice %i', async (index) => {
    const packages = await readLock({ path: 'pylock.toml', text: await exported(index, 'toml') }, options({ extras: [], groups: [] }));
    const named = packages.map((item) => (item.name === 'lib' ? { ...item, version: '1.0' } : item));
    expect(pins(named)).toEqual(await expected(index, environment()));
    const files = packages.flatMap((item) => (item.source.kind === 'index' ? item.source.files : []));
    expect(files.every((file) => file.hashes.length > 0 && file.url !== undefined)).toBe(true);
  });

  test('conflicting extras are refused', async () => {
    const text = await readFile(join(folder, 'uv.lock'), 'utf8');
    await expect(readLock({ path: 'uv.lock', text }, options({ extras: ['old', 'new'], groups: [] }))).rejects.toThrow('extra new and extra old of my-app conflict with each other');
    await expect(readLock({ path: 'uv.lock', text }, options({ extras: ['nope'], groups: ['dev', 'x'] }))).rejects.toThrow('uv.lock has no extra nope; uv.lock has no group x');
  });
});
