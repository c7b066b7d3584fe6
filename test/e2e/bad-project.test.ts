import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../support/cli.js';
import { BUILDER, nodeFiles, npmPackage, pythonProject, writeFiles } from '../support/project.js';
import type { Files } from '../support/project.js';
import { expectJsonRefusal, expectRefusal } from '../support/refusals.js';
import type { Refusal } from '../support/refusals.js';

/** What is wrong with command lines and project files, told before anything is started: no engine is asked. */
const NO_ENGINE = { DOCKER_HOST: 'unix:///nonexistent/engine.sock' };

let dir: string;
let project: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
  project = await inProject({ ...pythonProject({ index: 'http://127.0.0.1:9/simple/', requirements: 'alpha==1.0\n', more: 'images:\n  web: { context: web, role: true }\n' }), 'web/Dockerfile': `FROM ${BUILDER}\n` });
});

afterAll(() => rm(dir, { recursive: true, force: true }));

/** A new folder with these files. */
async function inProject(files: Files): Promise<string> {
  const folder = await mkdtemp(join(dir, 'project-'));
  await writeFiles(folder, files);
  return folder;
}

describe('command lines', () => {
  test.each<[string, string[], Refusal]>([
    ['no command', [], { says: 'no command is given', advice: 'build' }],
    ['an unknown command', ['frobnicate'], { says: 'there is no command "frobnicate"', advice: 'artifacts --help' }],
    ['a mistyped command', ['bild'], { says: 'there is no command "bild"', advice: 'Did you mean `build`?' }],
    ['a mistyped option', ['build', '--jbos', '2'], { says: 'artifacts build has no option --jbos', advice: 'Did you mean `--jobs`?' }],
    ['no jobs', ['build', '--jobs', '0'], { says: '--jobs 0: it must be a whole number of at least 1', advice: 'artifacts build --help' }],
    ['an option without its value', ['build', '--jobs'], { says: 'the option --jobs <n> needs a value' }],
    ['a missing argument', ['why'], { says: 'artifacts why needs a NAME', advice: 'artifacts why --help' }],
    ['a missing option', ['context', 'web'], { says: 'artifacts context needs the option -o, --output <folder>' }],
    ['too many arguments', ['why', 'a', 'b'], { says: 'artifacts why is given too many arguments' }],
    ['a duration that is none', ['gc', '--keep', 'long'], { says: '--keep long is not a duration', advice: '12h, 30d' }],
    ['an unknown artifact', ['build', 'pyton'], { says: 'no artifact is named "pyton"', advice: 'Did you mean python?' }],
    ['why of an unknown name', ['why', 'frobnicate'], { says: 'no artifact is named "frobnicate"', advice: 'python' }],
    ['the key of an unknown name', ['key', 'pyton'], { says: 'no artifact is named "pyton"', advice: 'Did you mean python?' }],
    ['an unknown image', ['images', 'wep'], { says: 'no image is named "wep"', advice: 'Did you mean web?' }],
    ['the context of an unknown image', ['context', 'wep', '-o', 'out'], { says: 'no image is named "wep"', advice: 'Did you mean web?' }],
    ['an unknown role', ['dev', 'wep'], { says: 'no role or dev mode is named "wep"', advice: 'Did you mean web?' }],
    ['a project file that is not there', ['build', '-f', 'nix.yml'], { says: 'there is no project file nix.yml', advice: '--file' }],
    ['a folder as project file', ['build', '-f', '.'], { says: 'the project file . is not a regular file', advice: '--file' }],
    ['an engine address that is none', ['images'], { says: '"foo://x" is not an engine\'s address', advice: 'DOCKER_HOST' }],
  ])('%s', async (what, args, refusal) => {
    const env = what.startsWith('an engine address') ? { DOCKER_HOST: 'foo://x' } : NO_ENGINE;
    expectRefusal(await runCli(args, { cwd: project, env }), refusal);
  });

  test('nothing is started when one of several names is unknown', async () => {
    const result = await runCli(['build', 'python', 'pyton'], { cwd: project, env: NO_ENGINE });
    expectRefusal(result, { says: 'no artifact is named "pyton"' });
    expect(result.stderr).not.toContain('python: failed');
  });

  test.each([
    ['usage', ['bild', '--json']],
    ['usage', ['build', '--json', '--jobs', '0']],
    ['usage', ['--json']],
    ['usage', ['build', '--json', 'pyton']],
    ['config', ['build', '--json', '-f', 'nix.yml']],
    ['engine', ['build', '--json']],
    ['engine', ['images', '--json']],
  ])('--json: a problem of the kind %s is one object on stdout: %j', async (reason, args) => {
    expectJsonRefusal(await runCli(args, { cwd: project, env: NO_ENGINE }), reason);
  });

  test('no project file anywhere above', async () => {
    // The top of a checkout ends the search.
    const cwd = await inProject({ '.git/HEAD': '' });
    expectRefusal(await runCli(['build'], { cwd, env: NO_ENGINE }), { says: `there is no project.yml in ${cwd}`, advice: '--file' });
  });

  test('a context goes only into a folder that is new or empty', async () => {
    const folder = await inProject({ 'project.yml': 'name: shop\nimages:\n  web: { context: web }\n', 'web/Dockerfile': 'FROM scratch\nCOPY a /a\n', 'web/a': '', 'full/a': '', file: '' });
    expectRefusal(await runCli(['context', 'web', '-o', 'full'], { cwd: folder, env: NO_ENGINE }), { says: 'full is not empty', advice: 'new or empty' });
    expectRefusal(await runCli(['context', 'web', '-o', 'file'], { cwd: folder, env: NO_ENGINE }), { says: 'file is a file', advice: 'new or empty' });
  });
});

describe('project files', () => {
  const python = (more: string): string => `name: shop\nartifacts:\n  p: { kind: python, builder: debian, ${more} }\n`;
  test.each<[string, string | Buffer, Refusal]>([
    ['an unknown key', 'name: shop\nartefacts:\n  a: 1\n', { place: 'project.yml:2:1', says: 'unknown key "artefacts"', advice: 'Did you mean `artifacts`?' }],
    ['a key of another kind', python('requirements: [project.yml], omit: [dev]'), { place: 'project.yml:3:68', says: 'unknown key "omit" in artifacts.p', advice: 'kind: node' }],
    ['a wrong type', 'name: shop\nartifacts: [1]\n', { place: 'project.yml:2:12', says: 'artifacts must be a map, not a list', advice: /^/ }],
    ['a missing file', python('requirements: [nope.txt]'), { place: 'project.yml:3:54', says: 'there is no requirement file nope.txt', advice: 'relative to the folder of the project file' }],
    ['a missing context', 'name: shop\nimages:\n  web: { context: web }\n', { place: 'project.yml:3:19', says: 'there is no context folder web' }],
    ['an unknown builder', 'name: shop\nartifacts:\n  p: { kind: python, builder: bilder, requirements: [r.txt] }\nimages:\n  builder: { context: . }\n', { place: 'project.yml:3:31', says: 'artifacts.p names the unknown builder bilder', advice: 'Did you mean builder?' }],
    ['an unknown artifact', 'name: shop\nimages:\n  web: { context: ., dockerfile: project.yml, artifacts: [pyton] }\n', { place: 'project.yml:3:59', says: 'images.web names the unknown artifact pyton', advice: 'artifacts' }],
    ['a cycle', 'name: shop\nartifacts:\n  a: { kind: command, builder: debian, needs: [b], inputs: [x], run: x, output: o }\n  b: { kind: command, builder: debian, needs: [a], inputs: [x], run: x, output: o }\n', { place: 'project.yml:3:48', says: 'artifact a → artifact b → artifact a', advice: 'Break the cycle' }],
    ['a name given twice', 'name: shop\nx-a:\nimages:\n  web: { context: ., dockerfile: project.yml }\n  web: { context: . }\n', { place: 'project.yml:5:3', says: 'the key "web" is given twice', advice: /^/ }],
    ['YAML that is none', 'name: shop\nimages: {\n', { place: 'project.yml:3:1', says: 'not valid YAML', advice: /^/ }],
    ['a tab', 'name: shop\n\timages: {}\n', { place: 'project.yml:2:1', says: 'a tab is used as indentation', advice: 'spaces' }],
    ['nothing', '', { place: 'project.yml:1:1', says: 'the project file is empty' }],
    ['another encoding', Buffer.from('name: caf\xe9\n', 'latin1'), { place: 'project.yml:1:10', says: 'the file is not UTF-8', advice: 'UTF-8' }],
    ['UTF-16', Buffer.from('\ufeffname: shop\n', 'utf16le'), { place: 'project.yml:1:1', says: 'the file is UTF-16', advice: 'UTF-8' }],
  ])('%s', async (_what, text, refusal) => {
    expectRefusal(await runCli(['build'], { cwd: await inProject({ 'project.yml': text }), env: NO_ENGINE }), refusal);
  });

  test('all problems are told at once, in their order', async () => {
    const cwd = await inProject({ 'project.yml': 'name: Shop!\nartefacts: {}\nimages:\n  web: { context: web }\n' });
    const { stderr } = await runCli(['build'], { cwd, env: NO_ENGINE });
    expect(stderr.match(/^error: \S+/gm)).toEqual(['error: project.yml:1:7:', 'error: project.yml:2:1:', 'error: project.yml:4:19:']);
  });

  test('files that may not be read', async () => {
    const user = { uid: 4321, gid: 4321 };
    const cwd = await inProject({ ...pythonProject({ index: 'http://127.0.0.1:9/simple/', requirements: '' }) });
    // Its files are of root; the store is elsewhere.
    for (const folder of [dir, cwd]) await chmod(folder, 0o755);
    const run = () => runCli(['build', '--store', join(tmpdir(), 'never')], { cwd, env: NO_ENGINE, user });
    await chmod(join(cwd, 'requirements.txt'), 0o600);
    expectRefusal(await run(), { place: 'project.yml:6:20', says: 'there is no permission to read the requirement file requirements.txt', advice: 'chmod' });
    await chmod(join(cwd, 'project.yml'), 0o600);
    expectRefusal(await run(), { says: 'the project file project.yml cannot be read: permission denied', advice: 'chmod' });
  });

  test('a store that cannot be one', async () => {
    const cwd = await inProject({ 'project.yml': 'name: shop\n', file: '', 'full/of/things': '' });
    const run = (store: string) => runCli(['build', '--store', store], { cwd, env: NO_ENGINE });
    expectRefusal(await run('file'), { says: `the store ${cwd}/file is not a folder`, advice: '--store' });
    expectRefusal(await run('file/below'), { says: `the store ${cwd}/file/below lies below a file`, advice: '--store' });
    expectRefusal(await run('full'), { says: `${cwd}/full is not a store: it holds other things (of)`, advice: '--store' });
    expectRefusal(await run('/proc/nothing'), { says: "the store /proc/nothing can't be made there", advice: '--store' });
  });
});

describe('input files of artifacts', () => {
  const node = { 'project.yml': `name: shop\nartifacts:\n  node: { kind: node, builder: ${BUILDER} }\n` };
  const left = npmPackage('left', '1.0.0');

  test.each<[string, Files, Refusal]>([
    ['a lock out of step with its package.json', { 'package.json': '{\n  "dependencies": { "left": "^2.0.0" }\n}\n' }, { place: 'package.json:2:21', says: 'package.json asks for left ^2.0.0, but the lock has 1.0.0', advice: 'npm install' }],
    ['a lock that lacks a package', { 'package.json': '{ "dependencies": { "left": "1.0.0", "right": "1" } }\n' }, { place: 'package.json:1:38', says: 'package.json asks for right 1, which the lock lacks', advice: 'npm install' }],
    ['a package.json that is no JSON', { 'package.json': '{\n  "dependencies":\n}\n' }, { place: 'package.json:3:1', says: 'package.json is not JSON', advice: 'Correct the file' }],
    ['a lock that is no JSON', { 'package-lock.json': '{\n"lockfileVersion": 3\n' }, { place: 'package-lock.json:3:1', says: 'package-lock.json is not JSON', advice: 'Correct the file' }],
    ['an old lock', { 'package-lock.json': '{\n"lockfileVersion": 1,\n"dependencies": {} }\n' }, { place: 'package-lock.json:2:1', says: 'lockfileVersion 1', advice: 'npm 7' }],
  ])('%s', async (_what, files, refusal) => {
    const cwd = await inProject({ ...node, ...nodeFiles([left]), ...files });
    // One store for all: the builder says only once what it is.
    expectRefusal(await runCli(['build', '--store', join(dir, 'store')], { cwd }), refusal);
  });

  test('a package file without a lock', async () => {
    const cwd = await inProject({ ...node, 'package.json': '{}' });
    expectRefusal(await runCli(['build'], { cwd, env: NO_ENGINE }), { place: 'project.yml:3:3', says: 'package.json has no lock', advice: 'npm install --package-lock-only' });
  });
});
