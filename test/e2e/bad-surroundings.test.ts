import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { connect, createServer as createSocketServer, type Socket } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { LABELS, storeLabel } from '../../src/builders/labels.js';
import { runCli } from '../support/cli.js';
import { containersWith } from '../support/engine-cli.js';
import { ENGINE_SOCKET } from '../support/engine-proxy.js';
import { sdist, sha256, wheel } from '../support/packages.js';
import { pythonProject, writeFiles } from '../support/project.js';
import { expectJsonRefusal, expectRefusal } from '../support/refusals.js';
import type { Refusal } from '../support/refusals.js';
import { startRegistry, type Registry } from '../support/registry.js';

/** Engines that are not there, are too old or die, and disks that are full. Needs root for mounting. */
let dir: string;
let registry: Registry;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
  registry = await startRegistry();
});
afterAll(async () => {
  await registry.close();
  await rm(dir, { recursive: true, force: true });
});

/** A project with one wheel of `bytes` bytes and a small one. */
async function project(bytes: number): Promise<string> {
  const cwd = await mkdtemp(join(dir, 'project-'));
  const big = wheel('big', '1.0', { members: [{ name: 'big/data', content: 'x'.repeat(bytes) }] });
  const small = wheel('small', '1.0');
  registry.addPython('big-1.0-py3-none-any.whl', big);
  registry.addPython('small-1.0-py3-none-any.whl', small);
  const requirements = `big==1.0 --hash=sha256:${sha256(big)}\nsmall==1.0 --hash=sha256:${sha256(small)}\n`;
  await writeFiles(cwd, pythonProject({ index: registry.index, requirements }));
  return cwd;
}

describe('an engine that', () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await project(1);
  });

  test.each<[string, string, Refusal]>([
    ['is not there', 'unix:///nonexistent/engine.sock', { says: 'no Docker Engine runs at unix:///nonexistent/engine.sock', advice: 'DOCKER_HOST' }],
    ['does not listen', 'tcp://127.0.0.1:1', { says: 'no Docker Engine answers at tcp://127.0.0.1:1', advice: 'systemctl start docker' }],
    ['has an unknown name', 'tcp://engine.invalid:2375', { says: 'the engine\'s host name in tcp://engine.invalid:2375 is unknown', advice: 'DOCKER_HOST' }],
  ])('%s', async (_what, host, refusal) => {
    expectRefusal(await runCli(['build'], { cwd, env: { DOCKER_HOST: host } }), refusal);
  });

  const json = (value: unknown, status = 200): RequestListener => (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'api-version': '1.24' }).end(JSON.stringify(value));
  };
  test.each<[string, RequestListener, Refusal]>([
    ['is too old', json({ ServerVersion: '1.12.6', ApiVersion: '1.24', OSType: 'linux', Architecture: 'x86_64', Driver: 'aufs' }), { says: /is too old: it speaks API 1.24, at least [\d.]+ is needed/, advice: 'Update it to Docker Engine' }],
    ['is something else', (_request, response) => void response.end('<html>hello</html>'), { says: 'is not a Docker Engine', advice: 'DOCKER_HOST' }],
    ['refuses', (_request, response) => void response.writeHead(403).end('not you'), { says: /the engine could not .*: not you/, advice: 'plugin' }],
    ['is broken', (_request, response) => void response.writeHead(500, { 'content-type': 'application/json' }).end('{"message":"boom"}'), { says: /the engine could not .*: boom/, advice: 'log' }],
  ])('%s', async (what, listener, refusal) => {
    const path = join(dir, `${what.replaceAll(' ', '-')}.sock`);
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expectRefusal(await runCli(['build'], { cwd, env: { DOCKER_HOST: `unix://${path}` } }), refusal);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('the user may not speak to', async () => {
    const mine = await project(1);
    for (const folder of [dir, mine]) execFileSync('chown', ['-R', '4321:4321', folder]);
    const result = await runCli(['build', '--json'], { cwd: mine, user: { uid: 4321, gid: 4321 } });
    expectRefusal(result, { says: `permission denied on the engine's socket unix://${ENGINE_SOCKET}`, advice: 'usermod -aG docker' });
    expectJsonRefusal(result, 'engine');
  });
});

/** The engine behind a socket that breaks for good after so many bytes of answers. */
async function dyingEngine(path: string, bytes: number): Promise<{ close(): Promise<void>; readonly died: () => boolean }> {
  const sockets = new Set<Socket>();
  let left = bytes;
  const die = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const server = createSocketServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: ENGINE_SOCKET, allowHalfOpen: true });
    for (const [from, to] of [[client, engine], [engine, client]] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
    }
    client.pipe(engine);
    engine.on('end', () => client.end()).on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) die();
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { died: () => left < 0, close: () => new Promise((resolve) => (die(), server.listening ? server.close(() => resolve()) : resolve())) };
}

describe('an engine that dies midway', () => {
  test('is told wherever it happens; the next run ends the work and removes what was left', async () => {
    const cwd = await project(1);
    const bytes = sdist('built', '1.0');
    registry.addPython('built-1.0.tar.gz', bytes);
    await writeFiles(cwd, pythonProject({ index: registry.index, requirements: `built==1.0 --hash=sha256:${sha256(bytes)}\n` }));
    const store = join(cwd, '.artifacts');
    // From the first answer to the installed packages on their way back; where exactly is up to chance.
    for (const [at, upTo] of [[0, 3_000], [3_000, 8_000], [8_000, 12_000], [12_000, 18_000]] as const) {
      const limit = at + Math.floor(Math.random() * (upTo - at));
      const path = join(dir, `dying-${limit}.sock`);
      const engine = await dyingEngine(path, limit);
      const result = await runCli(['build'], { cwd, env: { DOCKER_HOST: `unix://${path}` }, timeout: 60_000 });
      expect([limit, engine.died()]).toEqual([limit, true]);
      expectRefusal(result, { says: /the connection to the engine at unix:\S+ was lost|no Docker Engine (?:runs|answers) at/, advice: /whether the Docker Engine still runs|start it/i });
      await engine.close();
    }
    const last = await runCli(['build', '--json'], { cwd });
    expect([last.status, last.json<{ artifacts: { status: string }[] }>().artifacts[0]?.status]).toEqual([0, 'built']);
    expect((await runCli(['verify'], { cwd })).stdout).toContain('all correct');
    expect(await containersWith(`${LABELS.store}=${storeLabel(hostname(), store)}`)).toEqual([]);
  });
});

describe('a disk', () => {
  async function onDisk(options: string, work: (store: string) => Promise<void>): Promise<void> {
    const disk = await mkdtemp(join(dir, 'disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]);
    try {
      await work(disk);
    } finally {
      execFileSync('umount', ['--lazy', disk]);
    }
  }

  test('that is full stops the run in good order; with more space the next one has only the rest to do', async () => {
    const cwd = await project(6_000_000);
    await onDisk('size=5m', async (store) => {
      const build = (...more: string[]) => runCli(['build', '--store', store, ...more], { cwd });
      const requirements = await readFile(join(cwd, 'requirements.txt'), 'utf8');
      // What is finished beside the package that fills the disk may or may not find room for its record.
      await writeFiles(cwd, { 'requirements.txt': requirements.split('\n').filter((line) => line.startsWith('small')).join('\n') });
      expect((await build('--json')).status).toBe(0);
      await writeFiles(cwd, { 'requirements.txt': requirements });
      const full = await build('--json');
      // Whichever of the packages at work saw it first.
      expectRefusal(full, { says: new RegExp(`can't write to ${store}/v1/(?:tmp|records/packages): no space left on the disk`), advice: 'artifacts gc' });
      expectJsonRefusal(full, 'disk');
      expect([full.stderr, full.stderr.match(/^error: /gm)?.length]).toEqual([full.stderr, 1]);
      expect((await runCli(['verify', '--store', store], { cwd })).stdout).toContain('all correct');
      execFileSync('mount', ['-o', 'remount,size=200m', store]);
      const { artifacts } = (await build('--json')).json<{ artifacts: { packages: unknown }[] }>();
      expect(artifacts[0]?.packages).toEqual({ total: 2, reused: 1, fetched: 1, compiled: 0 });
    });
  });

  test('with no space at all, and one that is read-only', async () => {
    const cwd = await project(1);
    await onDisk('size=8k', async (store) => {
      expectRefusal(await runCli(['build', '--store', store], { cwd }), { says: 'no space left on the disk', advice: 'artifacts gc' });
    });
    await onDisk('ro,size=1m', async (store) => {
      expectRefusal(await runCli(['build', '--store', store], { cwd }), { says: 'the file system is read-only', advice: '--store' });
    });
  });
});
