import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, startCli } from '../support/cli.js';
import { containersWith, docker, removeProject } from '../support/engine-cli.js';
import { writeFiles } from '../support/project.js';
import { startRegistry, type Registry } from '../support/registry.js';
import { shopFiles, type ShopOptions } from '../support/shop.js';
import { cliOnTerminal } from '../support/terminal.js';

const NAME = `e2e-fail-${randomBytes(4).toString('hex')}`;
let registry: Registry;
let dir: string;

beforeAll(async () => {
  registry = await startRegistry();
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
});
afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  await rm(dir, { recursive: true, force: true });
});

const shop = (options: Omit<ShopOptions, 'name'>) => writeFiles(dir, shopFiles(registry, { name: NAME, ...options }));
const requestsSince = (before: number) => registry.requests.slice(before).filter((path) => /\.(whl|tgz|tar\.gz)$/.test(path));

interface BuildData {
  readonly artifacts: readonly { readonly name: string; readonly status: string; readonly packages?: { readonly reused: number; readonly fetched: number; readonly compiled: number } }[];
}

describe('one package that cannot compile', () => {
  test('python: the others are kept, the error says what and why, the next run works on that one only', async () => {
    await shop({ version: '1.0.0', compiled: { header: 'libpq-fe.h' } });
    const first = await runCli(['build', '--json'], { cwd: dir });
    expect(first.status).toBe(1);
    expect(first.json<BuildData>().artifacts).toMatchObject([{ name: 'python', status: 'failed' }, { name: 'node', status: 'built' }]);
    expect(first.stderr).toMatch(/error: requirements\.txt:4:1: native 1\.0\.0 failed to compile \(exit status \d+\)\n/);
    expect(first.stderr).toMatch(/ {4}command: uv build --wheel source\/native-1\.0\.0\.tar\.gz\n/);
    expect(first.stderr).toMatch(/ {4}.*native\.c:1:10: fatal error: libpq-fe\.h: No such file or directory\n/);
    expect(first.stderr).toMatch(/hint: .*libpq-dev/i);
    expect(first.stderr).not.toMatch(/\n\s+at .*\.js:\d+/);
    const log = /whole log: (.*)\n/.exec(first.stderr)?.[1] as string;
    expect(await readFile(log, 'utf8')).toContain('libpq-fe.h');

    const before = registry.requests.length;
    const second = await runCli(['build'], { cwd: dir });
    expect(second.status).toBe(1);
    // Its source is in the store as well, so that nothing is fetched at all.
    expect(requestsSince(before)).toEqual([]);
    expect(second.stderr).not.toMatch(/(alpha|beta|gamma|left|right|scripted) 1\.0\.0: (fetched|compil)/);
    expect(second.stderr).toMatch(/native 1\.0\.0: compiling/);

    await shop({ version: '1.0.0' });
    const third = await runCli(['build', '--json'], { cwd: dir });
    expect(third.json<BuildData>().artifacts).toMatchObject([
      { name: 'python', status: 'built', packages: { reused: 3, fetched: 0, compiled: 1 } },
      { name: 'node', status: 'present' },
    ]);
  });

  test('node: the same for an install script', async () => {
    await shop({ version: '2.0.0', script: 'echo working; echo "#include <libpq-fe.h>" | gcc -c -x c - -o x.o' });
    const first = await runCli(['build', '--json'], { cwd: dir });
    expect(first.status).toBe(1);
    expect(first.json<BuildData>().artifacts).toMatchObject([{ name: 'python', status: 'built' }, { name: 'node', status: 'failed' }]);
    expect(first.stderr).toMatch(/error: package-lock\.json:\d+:\d+: .*scripted.*\n/);
    expect(first.stderr).toMatch(/ {4}.*echo working; echo/);
    expect(first.stderr).toMatch(/ {4}.*fatal error: libpq-fe\.h: No such file or directory\n/);
    expect(first.stderr).toMatch(/hint: .*libpq-dev/i);

    const before = registry.requests.length;
    expect((await runCli(['build'], { cwd: dir })).status).toBe(1);
    expect(requestsSince(before)).toEqual([]);
  });

  test('an image that needs it fails and says why; the others of the project are built', async () => {
    const { status, stderr } = await runCli(['images', '--json'], { cwd: dir });
    expect(status).toBe(1);
    expect(stderr).toMatch(/scripted/);
  });
});

describe('Ctrl-C', () => {
  test('status 130, finished work kept, containers gone', async () => {
    await shop({ version: '3.0.0', compiled: { seconds: 100 }, script: 'sleep 100' });
    const running = await startCli(['build'], { cwd: dir });
    await Promise.all([running.shows('native 3.0.0: compiling'), running.shows('gamma 3.0.0: fetched'), running.shows('right 3.0.0: fetched')]);
    running.killGroup('SIGINT');
    const { status, stderr } = await running.result;
    expect(status).toBe(130);
    expect(stderr.match(/^error: .*/gm)).toEqual(['error: interrupted; what was finished is kept']);
    expect(await containersWith(await runLabel())).toEqual([]);

    await shop({ version: '3.0.0' });
    const before = registry.requests.length;
    const next = await runCli(['build', '--json'], { cwd: dir });
    expect(next.status).toBe(0);
    expect(next.json<BuildData>().artifacts).toMatchObject([{ packages: { fetched: 0, compiled: 1 } }, { status: 'built' }]);
    // What changed with the script: the sources of the two that were at work.
    expect(requestsSince(before).map((path) => path.split('/').at(-1)).sort()).toEqual(['native-3.0.0.tar.gz', 'scripted-3.0.0.tgz']);
  });

  test('on a terminal, which is as before', async () => {
    await shop({ version: '4.0.0', compiled: { seconds: 100 } });
    const terminal = await cliOnTerminal(['build'], { cwd: dir, columns: 100, rows: 30 });
    await terminal.shows(/compiling native 4\.0\.0/);
    terminal.type('\u0003');
    const { status, shown, echo, lines } = await terminal.ended;
    expect({ status, echo, lines }).toEqual({ status: 130, echo: true, lines: true });
    expect(shown).toMatch(/error: interrupted; what was finished is kept\r\n(\u001b\[\?25h)?$/);
    expect(shown.lastIndexOf('\u001b[?25l')).toBeLessThanOrEqual(shown.lastIndexOf('\u001b[?25h'));
  });

  test('twice: at once, and the builder ends by itself', async () => {
    const running = await startCli(['build'], { cwd: dir });
    await running.shows('native 4.0.0: compiling');
    await running.shows('starting the builder container');
    running.killGroup('SIGINT');
    running.killGroup('SIGINT');
    expect((await running.result).status).toBe(130);
  });
});

describe('settings of the builder', () => {
  test('memory, processors, network and named variables are those of the container; secrets are masked everywhere', async () => {
    const secret = 'tops3cret-value';
    await shop({
      version: '5.0.0',
      more: 'builders: { memory: 256m, cpus: 0.5, network: none, env: [API_TOKEN] }\n',
      script: 'echo "token=$API_TOKEN other=[$OTHER]"; ls /sys/class/net; sleep 3; exit 1',
    });
    const running = await startCli(['build', 'node', '--verbose'], { cwd: dir, env: { API_TOKEN: secret, OTHER: 'not-named' } });
    await running.shows('token=');
    const [container] = await containersWith(await runLabel());
    const host = JSON.parse(await docker('inspect', '--format', '{{json .HostConfig}}', container as string)) as Record<string, unknown>;
    expect(host).toMatchObject({ Memory: 256 * 1024 * 1024, NanoCpus: 500_000_000, NetworkMode: 'none' });
    const { status, stderr } = await running.result;
    expect(status).toBe(1);
    expect(stderr).toContain('token=*** other=[]');
    expect(stderr).not.toContain(secret);
    expect(await filesWith(secret)).toEqual([]);
  });
});

/** The label that containers of this store carry. */
async function runLabel(): Promise<string> {
  const { storeLabel } = await import('../../src/builders/labels.js');
  const { hostname } = await import('node:os');
  return `wheelwright.store=${storeLabel(hostname(), join(dir, '.artifacts'))}`;
}

/** Files of the store that hold this text. */
async function filesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(dir, '.artifacts'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(text)) found.push(path);
  }
  return found;
}
