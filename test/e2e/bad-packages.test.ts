import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../support/cli.js';
import type { CliResult } from '../support/cli.js';
import { npmTarball, sdist, sha256, wheel } from '../support/packages.js';
import { nodeFiles, nodeProject, npmPackage, pythonProject, writeFiles } from '../support/project.js';
import { expectJsonRefusal, expectRefusal } from '../support/refusals.js';
import type { Refusal } from '../support/refusals.js';
import { startRegistry } from '../support/registry.js';
import type { Misbehaviour, Registry } from '../support/registry.js';
import type { Raw } from '../unit/archive/raw-tar.js';

/** Registries that misbehave, and packages that are not what they should be. */
let dir: string;
let cwd: string;
let registry: Registry;
const QUICK = 'network: { timeout: 1, retries: 1 }\n';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));
beforeEach(async () => {
  cwd = await mkdtemp(join(dir, 'project-'));
  registry = await startRegistry();
});
afterEach(() => registry.close());

/** One store for all, so that the builder says only once what it is; packages of the same name never agree in content. */
function build(...options: string[]): Promise<CliResult> {
  return runCli(['build', '--store', join(dir, 'store'), ...options], { cwd, timeout: 60_000 });
}

async function python(requirements: string): Promise<void> {
  await writeFiles(cwd, pythonProject({ index: registry.index, requirements, more: QUICK }));
}

let serial = 0;
/** A wheel in the index that no other test has, and the line that pins it. */
function freshWheel(options: Parameters<typeof wheel>[2] = {}): { readonly name: string; readonly bytes: Buffer; readonly pin: string } {
  const name = `alpha${(serial += 1)}`;
  const bytes = wheel(name, '1.0', options);
  registry.addPython(`${name}-1.0-py3-none-any.whl`, bytes);
  return { name, bytes, pin: `${name}==1.0 --hash=sha256:${sha256(bytes)}` };
}

const WRONG = '0'.repeat(64);

describe('python requirements', () => {
  test('a pin whose hash is wrong', async () => {
    const { name } = freshWheel();
    await python(`# the shop\n${name}==1.0 \\\n    --hash=sha256:${WRONG}\n`);
    const refusal = { place: 'requirements.txt:2:1', says: `${name}==1.0 cannot be installed: no file of this version has one of the pinned hashes`, advice: 'Correct the pin if it is wrong' };
    expectRefusal(await build(), refusal);
    const json = await build('--json');
    expectRefusal(json, refusal);
    expectJsonRefusal(json, 'integrity');
    expect(json.stderr).toContain(`expected sha256:${WRONG}`);
  });

  test.each<[string, (name: string) => string, Refusal]>([
    ['an unknown package', () => 'nosuch==1.0', { place: 'requirements.txt:1:1', says: 'nosuch==1.0 cannot be installed: no index has a package of this name', advice: 'Correct the pin' }],
    ['an unknown version', (name) => `${name}==9.0`, { place: 'requirements.txt:1:1', says: 'cannot be installed: no index has this version', advice: 'Correct the pin' }],
    ['a line that is none', (name) => `${name}=1.0`, { place: 'requirements.txt:1:7', says: '"=" compares no versions: write "=="', advice: /^/ }],
    ['a missing file', () => '-r other.txt', { place: 'requirements.txt:1:1', says: 'there is no file other.txt', advice: 'relative to the file that names it' }],
    ['two versions', (name) => `${name}==1.0\n${name}==2.0`, { place: 'requirements.txt:2:1', says: 'is required twice, as 1.0 and as 2.0', advice: 'Keep one' }],
  ])('%s', async (_what, lines, refusal) => {
    await python(`${lines(freshWheel().name)}\n`);
    expectRefusal(await build(), refusal);
  });

  test('what the resolver cannot find is told at the line that asks for it', async () => {
    const { name, bytes } = freshWheel();
    await writeFiles(cwd, { [`links/${name}-1.0-py3-none-any.whl`]: bytes });
    await python(`--no-index\n--find-links links\n${name}\nnosuch\n`);
    const result = await build();
    expectRefusal(result, { place: 'requirements.txt:4:1', says: 'the requirements of python cannot be resolved', advice: 'Correct the requirements' });
    expect(result.stderr).toMatch(/nosuch was not found[^]*whole log: /);
  });
});

const answers = (status: number) => (_: unknown, response: ServerResponse) => (response.writeHead(status).end('<h1>oops</h1>'), true);
const MISBEHAVIOURS: Readonly<Record<string, Misbehaviour>> = {
  'answers 500': answers(500),
  'refuses (401)': answers(401),
  'sends no HTTP': (_, response) => (response.socket?.end('\0garbage\r\n\r\n'), true),
  'says nothing': () => true,
  'hangs up': (request) => (request.socket.destroy(), true),
};

describe('a python index that', () => {
  test.each<[keyof typeof MISBEHAVIOURS & string, Omit<Refusal, 'place'>]>([
    ['answers 500', { says: /can't fetch index page of alpha\d+: 127.0.0.1:\d+ answers 500/, advice: 'Run again later' }],
    ['refuses (401)', { says: /127.0.0.1:\d+ refuses index page of alpha\d+ \(401\)/, advice: 'credentials' }],
    ['sends no HTTP', { says: /127.0.0.1:\d+ sends something that is not HTTP/, advice: 'address' }],
    ['says nothing', { says: /127.0.0.1:\d+ says nothing for 1 s/, advice: 'network.timeout' }],
    ['hangs up', { says: /127.0.0.1:\d+ closes the connection/, advice: 'network' }],
  ])('%s', async (how, refusal) => {
    await python(`${freshWheel().pin}\n`);
    registry.misbehave(MISBEHAVIOURS[how]);
    expectRefusal(await build(), { place: 'requirements.txt:1:1', ...refusal });
  });

  test('sends a page that is none', async () => {
    await python(`${freshWheel().pin}\n`);
    registry.misbehave((_, response) => (response.writeHead(200, { 'content-type': 'text/html' }).end('\0\xff'), true));
    expectRefusal(await build(), { place: 'requirements.txt:1:1', says: 'is neither HTML nor JSON', advice: 'PEP 503' });
    registry.misbehave((_, response) => (response.writeHead(200, { 'content-type': 'application/vnd.pypi.simple.v1+json' }).end('{"files": 3'), true));
    expectRefusal(await build(), { place: 'requirements.txt:1:1', says: 'is not JSON', advice: 'PEP 503' });
  });

  test('has the page but not the file, half of it, or another one; what did arrive is kept', async () => {
    const [good, bad] = [freshWheel(), freshWheel()];
    await python(`${good.pin}\n${bad.pin}\n`);
    const file = `/files/${bad.name}-1.0-py3-none-any.whl`;
    const instead = (answer: (response: ServerResponse) => void) =>
      registry.misbehave((request, response) => request.url === file && (answer(response), true));

    instead((response) => response.writeHead(404).end());
    expectRefusal(await build(), { place: 'requirements.txt:2:1', says: new RegExp(`${bad.name} 1.0 is not there: http://\\S+ answers 404`), advice: 'address' });
    instead((response) => response.writeHead(200, { 'content-length': 1000 }).write('PK', () => response.socket?.end()));
    expectRefusal(await build(), { place: 'requirements.txt:2:1', says: 'closes the connection before the end', advice: 'Run again' });
    instead((response) => response.writeHead(200).end('garbage'));
    expectRefusal(await build(), { place: 'requirements.txt:2:1', says: `${bad.name} 1.0 has none of the expected hashes`, advice: 'do not use this file' });

    registry.misbehave(undefined);
    registry.requests.length = 0;
    const { artifacts } = (await build('--json')).json<{ artifacts: { packages: unknown }[] }>();
    expect(artifacts[0]?.packages).toEqual({ total: 2, reused: 1, fetched: 1, compiled: 0 });
    expect(registry.requests).toEqual([file]);
  });
});

describe('an npm registry that', () => {
  test.each<[string, Omit<Refusal, 'place'>]>([
    ['answers 500', { says: /can't fetch left 1.0.0: 127.0.0.1:\d+ answers 500/, advice: 'Run again later' }],
    ['sends no HTTP', { says: /sends something that is not HTTP/, advice: 'address' }],
    ['says nothing', { says: /127.0.0.1:\d+ says nothing for 1 s/, advice: 'network.timeout' }],
    ['hangs up', { says: /127.0.0.1:\d+ closes the connection/, advice: 'network' }],
  ])('%s', async (how, refusal) => {
    await writeFiles(cwd, nodeProject({ registry: registry.npm, packages: [npmPackage('left', '1.0.0', [{ name: 'package/a', content: how }])], more: QUICK }));
    registry.misbehave(MISBEHAVIOURS[how]);
    expectRefusal(await build(), { place: 'package-lock.json:12:5', ...refusal });
  });

  test('has no such package or version, or another content', async () => {
    const left = npmPackage('left', '1.0.0', [{ name: 'package/a', content: 'unknown' }]);
    await writeFiles(cwd, nodeProject({ registry: registry.npm, packages: [left], more: QUICK }));
    expectRefusal(await build(), { place: 'package-lock.json:12:5', says: /left 1.0.0 cannot be installed: the registry 127.0.0.1:\d+ has no package left/, advice: 'npm install' });
    registry.addNpm('left', '2.0.0', left.bytes);
    expectRefusal(await build(), { place: 'package-lock.json:12:5', says: 'has no version 1.0.0 of left', advice: 'npm install' });
    registry.addNpm('left', '1.0.0', npmTarball('left', '1.0.0'));
    const result = await build();
    expectRefusal(result, { place: 'package-lock.json:14:7', says: 'left 1.0.0 has other content than the lock says', advice: 'Find out who changed it' });
    expect(result.stderr).toMatch(/expected sha512-\S+\n\s+found {4}sha512-/);
  });
});

const EVIL: readonly (readonly [string, Raw, RegExp])[] = [
  ['a name with ..', { name: 'package/../../../evil', content: 'x' }, /".." segment|parent-directory/],
  ['an absolute name', { name: '/tmp/evil', content: 'x' }, /absolute/],
  ['a link that leaves the tree', { name: 'package/link', type: '2', target: '../../../etc/passwd' }, /leaves the tree|escapes/],
  ['a hard link out of the tree', { name: 'package/hard', type: '1', target: '/etc/passwd' }, /absolute|hard link|escapes/],
  ['a file below a link', { name: 'package/link', type: '2', target: '/tmp' }, /absolute/],
  ['a device', { name: 'package/device', type: '3' }, /device|CharacterDevice/],
  ['a pipe', { name: 'package/pipe', type: '6' }, /fifo|Fifo/],
];

describe('an npm package with', () => {
  test.each(EVIL)('%s', async (_what, entry, says) => {
    const evil = npmPackage('evil', '1.0.0', [entry]);
    registry.addNpm('evil', '1.0.0', evil.bytes);
    await writeFiles(cwd, nodeProject({ registry: registry.npm, packages: [evil], more: QUICK }));
    const result = await build();
    expectRefusal(result, { place: 'package-lock.json:12:5', says: /^error: \S+ evil 1.0.0: entry "/, advice: 'take another version' });
    expect(result.stderr).toMatch(says);
  });

  test('no archive in it', async () => {
    const evil = { name: 'evil', version: '1.0.0', bytes: Buffer.from('not a tarball') };
    registry.addNpm('evil', '1.0.0', evil.bytes);
    await writeFiles(cwd, { ...nodeProject({ registry: registry.npm, packages: [evil], more: QUICK }), ...nodeFiles([evil]) });
    expectRefusal(await build(), { place: 'package-lock.json:12:5', says: 'evil 1.0.0 is not a whole tar archive', advice: 'take another version' });
  });
});

describe('a wheel', () => {
  test('with unsafe names, no metadata, or of another package', async () => {
    const other = freshWheel();
    registry.addPython(`${other.name}-1.0-py3-none-any.whl`, wheel('other', '1.0'));
    const garbage = freshWheel();
    registry.addPython(`${garbage.name}-1.0-py3-none-any.whl`, Buffer.from('garbage'));
    const up = freshWheel({ members: [{ name: '../../../evil', content: 'x' }] });
    const absolute = freshWheel({ members: [{ name: '/tmp/evil', content: 'x' }] });
    // Installers write what a ZIP calls a link or a device as an ordinary file.
    const harmless = freshWheel({ members: [{ name: 'link/l', content: '../../../../etc/passwd', mode: 0o120777 }, { name: 'link/device', mode: 0o020666 }] });
    await python([`${other.name}==1.0`, `${garbage.name}==1.0`].join('\n'));
    const unreadable = await build();
    expectRefusal(unreadable, { place: 'requirements.txt:1:1', says: 'says in METADATA that it is other', advice: /^/ });
    expect(unreadable.stderr).toContain(`error: requirements.txt:2:1: ${garbage.name}-1.0-py3-none-any.whl is not a wheel`);

    await python([up.pin, absolute.pin, harmless.pin].join('\n'));
    const unsafe = await build();
    expectRefusal(unsafe, { place: 'requirements.txt:1:1', says: `${up.name} 1.0 cannot be installed: unsafe path '../../../evil' in the wheel`, advice: 'take another version' });
    expect(unsafe.stderr).toContain(`error: requirements.txt:2:1: ${absolute.name} 1.0 cannot be installed: unsafe path '/tmp/evil' in the wheel`);
    expect(unsafe.stderr.match(/^error: /gm)).toHaveLength(2);
  });
});

describe('source distributions with unsafe entries', () => {
  test('are refused, each at its line', async () => {
    const lines = EVIL.slice(0, 3).map(([, entry], index) => {
      const name = `evil${index}`;
      const bytes = sdist(name, '1.0', [{ ...entry, name: (entry.name as string).replace('package', `${name}-1.0`) }]);
      registry.addPython(`${name}-1.0.tar.gz`, bytes);
      return `${name}==1.0 --hash=sha256:${sha256(bytes)}\n`;
    });
    await python(lines.join(''));
    const { status, stderr } = await build();
    expect(status).toBe(1);
    for (const [index] of lines.entries()) expect(stderr).toContain(`error: requirements.txt:${index + 1}:1: evil${index} 1.0 failed to compile`);
    expect(stderr.match(/hint: The archive is broken or made to do harm/g)).toHaveLength(3);
  });
});
