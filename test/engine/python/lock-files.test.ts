import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { differences, item, openRig, PLACE, PREFIX } from './install-rig.js';
import type { Rig } from './install-rig.js';

const PYPROJECT = `
[project]
name = "app"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["jinja2==3.1.6", "colorama ; sys_platform == 'win32'"]
[project.optional-dependencies]
web = ["itsdangerous==2.2.0"]
[dependency-groups]
test = ["iniconfig"]
`;
const SEPARATOR = '\n=====\n';

let dir: string;
let rig: Rig;
let uvLock: string;
let pyLock: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-lock-files-'));
  rig = await openRig(dir);
  const script = `uv lock -q && cat uv.lock && printf '${SEPARATOR}' && uv export -q --frozen --no-default-groups --extra web --no-emit-project --format pylock.toml`;
  [uvLock, pyLock] = (await rig.shell(script, [item('pyproject.toml', PYPROJECT)])).split(SEPARATOR) as [string, string];
  await rig.write({ 'pyproject.toml': PYPROJECT, 'uv.lock': uvLock, 'pylock.toml': pyLock, 'poetry.lock': poetryLock(uvLock) });
}, 120_000);

afterAll(async () => {
  await rig?.close();
  await rm(dir, { recursive: true, force: true });
});

/** The same packages as Poetry writes them down, with the hashes of uv.lock. */
function poetryLock(lock: string): string {
  const entries = ['jinja2', 'markupsafe'].map((name) => {
    const block = lock.split('[[package]]').find((text) => text.startsWith(`\nname = "${name}"\n`)) as string;
    const version = /version = "(.*)"/.exec(block)?.[1];
    const files = [...block.matchAll(/url = "[^"]*\/([^"/]+)", hash = "(sha256:[0-9a-f]+)"/g)].map(([, file, hash]) => `    {file = "${file}", hash = "${hash}"},`);
    const needs = name === 'jinja2' ? '\n[package.dependencies]\nMarkupSafe = ">=2.0"\n' : '';
    return `[[package]]\nname = "${name}"\nversion = "${version}"\ndescription = ""\noptional = false\npython-versions = ">=3.7"\ngroups = ["main"]\nfiles = [\n${files.join('\n')}\n]\n${needs}`;
  });
  return `${entries.join('\n')}\n[metadata]\nlock-version = "2.1"\npython-versions = ">=3.11"\ncontent-hash = "${'0'.repeat(64)}"\n`;
}

async function build(file: string, extras: readonly string[] = []) {
  rig.events.length = 0;
  const planned = await rig.plan({ requirements: [{ value: file, place: PLACE }], extras });
  const built = await planned.build();
  return { built, names: built.artifact.parts.flatMap((part) => part.package?.replace(/ .*/, '') ?? []), warnings: rig.events.filter((event) => event.type === 'warning') };
}

test('uv.lock: what uv sync would install, file by file', async () => {
  const { built, names, warnings } = await build('uv.lock', ['web']);
  expect({ names, warnings }).toEqual({ names: ['itsdangerous', 'jinja2', 'markupsafe'], warnings: [] });
  const sync = `UV_PROJECT_ENVIRONMENT=${PREFIX} uv sync -q --frozen --inexact --compile-bytecode --no-default-groups --extra web --no-install-project --link-mode copy`;
  const theirs = await rig.oracle(sync, [item('pyproject.toml', PYPROJECT), item('uv.lock', uvLock)]);
  expect(differences(await rig.listing(built.artifact), theirs).filter((line) => !/REQUESTED|\/RECORD/.test(line))).toEqual([]);
});

test('pylock.toml: the same packages', async () => {
  expect(await build('pylock.toml')).toMatchObject({ names: ['itsdangerous', 'jinja2', 'markupsafe'], warnings: [] });
});

test('poetry.lock: its packages, by its hashes', async () => {
  expect(await build('poetry.lock')).toMatchObject({ names: ['jinja2', 'markupsafe'], warnings: [] });
});
