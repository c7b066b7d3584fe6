import { afterAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failed } from '../../../src/core/failure.js';
import { connectEngine } from '../../../src/engine/connect.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { asOrdinaryUser } from '../../support/as-user.js';
import { BUILDER_KEY, removeVolumes, runOf, testBuilders } from '../../support/builders.js';
import { engineProxy } from '../../support/engine-proxy.js';
import { inTemporaryFolder } from '../../support/temporary.js';

const engine = connectEngine();

/** Containers of the runs on a test's folder. */
const containersOf = (dir: string) => engine.containers([`wheelwright.run=${runOf(dir)}`]);

test('facts of an image with python, node and uv, found once', async () => {
  await inTemporaryFolder(async (dir) => {
    const store = new MemoryStore();
    const { builders } = await testBuilders(dir, { store });
    const facts = await builders.facts(BUILDER_KEY);
    await builders.close();
    expect(facts).toMatchObject({ os: 'linux', libc: { name: 'glibc' }, python: { executable: '/usr/bin/python3', implementation: 'cpython', freeThreaded: false }, node: { platform: 'linux' } });
    expect(facts.python!.markers['python_full_version']).toBe(facts.python!.version);
    expect(facts.python!.tags!.at(-1)).toBe('py30-none-any');
    expect(facts.node!.npm).toMatch(/^\d+\.\d+\.\d+$/);
    const again = await testBuilders(dir, { store, resolveImage: () => Promise.reject(new Error('not needed')) });
    expect(await again.builders.facts(BUILDER_KEY)).toEqual(facts);
  });
});

test('facts of an image with neither python nor node', async () => {
  await inTemporaryFolder(async (dir) => {
    const { builders } = await testBuilders(dir, { resolveImage: () => Promise.resolve('debian:trixie-slim') });
    const facts = await builders.facts(BUILDER_KEY);
    await builders.close();
    expect(Object.keys(facts).sort()).toEqual(['libc', 'machine', 'os']);
  });
});

test('files that a builder leaves on the host belong to the project’s owner', async () => {
  await asOrdinaryUser(async (user) => {
    await inTemporaryFolder(async (dir) => {
      const { builders, folders, events } = await testBuilders(dir, { owner: { ...user, name: 'dev' } });
      const builder = await builders.open(BUILDER_KEY);
      const result = await builder.run({ subject: 'who', argv: ['sh', '-c', 'id -un; mkdir -p $HOME/made $PIP_CACHE_DIR $npm_config_cache; touch $HOME/made/file; exit 1'] });
      await builders.close();
      expect(result.tail).toEqual(['dev']);
      expect(events).not.toContainEqual(expect.objectContaining({ message: expect.stringContaining('do not reach') }));
      const found = await tree(dir);
      expect(found.map(({ path }) => path)).toContain(join(folders.caches, `builder-${BUILDER_KEY.slice(0, 16)}`, 'home', 'made', 'file'));
      expect(found.filter(({ uid, gid }) => uid !== user.uid || gid !== user.gid)).toEqual([]);
    });
  });
});

test('an engine that does not see our folders is found out, and remembered', async () => {
  await inTemporaryFolder(async (dir) => {
    const store = new MemoryStore();
    const elsewhere = join(dir, 'elsewhere');
    await mkdir(elsewhere);
    // As with a remote engine, the path means something else there.
    const blind = { ...engine, createContainer: (spec: Parameters<typeof engine.createContainer>[0]) => engine.createContainer({ ...spec, mounts: (spec.mounts ?? []).map((mount) => (mount.type === 'bind' ? { ...mount, source: elsewhere } : mount)) }) };
    const first = await testBuilders(dir, { store, engine: blind });
    const builder = await first.builders.open(BUILDER_KEY);
    expect(first.events).toContainEqual(expect.objectContaining({ message: expect.stringContaining('do not reach') }));
    expect(await builder.source()).toMatch(/^\/wheelwright\/work\//);
    // The container that was made as if they did is gone.
    expect(await containersOf(dir)).toHaveLength(1);
    await first.builders.close();
    await removeVolumes(dir);
    for await (const { value } of store.listRecords('probes')) expect(value).toMatchObject({ reach: false });
  });
});

test('one container serves all who ask; several images have one each', async () => {
  await inTemporaryFolder(async (dir) => {
    const { builders } = await testBuilders(dir);
    const [one, two] = await Promise.all([builders.open(BUILDER_KEY), builders.open(BUILDER_KEY)]);
    expect(one).toBe(two);
    expect(await containersOf(dir)).toHaveLength(1);
    await Promise.all(Array.from({ length: 8 }, (_, index) => one.run({ subject: `job ${index}`, argv: ['true'] })));
    await builders.close();
    expect(await containersOf(dir)).toEqual([]);
  });
});

test('leftovers of dead runs are removed, those of live runs and other stores stay', async () => {
  await inTemporaryFolder(async (dir) => {
    const first = await testBuilders(dir, { run: { id: `${runOf(dir)}-first`, host: dir, isAlive: () => true } });
    await first.builders.open(BUILDER_KEY);
    const second = await testBuilders(dir, { run: { id: `${runOf(dir)}-second`, host: dir, isAlive: () => true } });
    await second.builders.open(BUILDER_KEY);
    expect(await engine.containers([`wheelwright.run=${runOf(dir)}-first`])).toHaveLength(1);
    const elsewhere = await testBuilders(dir, { run: { id: `${runOf(dir)}-third`, host: 'another machine', isAlive: () => false } });
    await elsewhere.builders.open(BUILDER_KEY);
    expect(await engine.containers([`wheelwright.run=${runOf(dir)}-first`])).toHaveLength(1);
    const later = await testBuilders(dir, { run: { id: `${runOf(dir)}-fourth`, host: dir, isAlive: (id) => !id.endsWith('first') } });
    await later.builders.open(BUILDER_KEY);
    expect(await engine.containers([`wheelwright.run=${runOf(dir)}-first`])).toEqual([]);
    expect(await engine.containers([`wheelwright.run=${runOf(dir)}-second`])).toHaveLength(1);
    await Promise.all([first, second, elsewhere, later].map(({ builders }) => builders.close()));
  });
});

test('memory and network limits', async () => {
  await inTemporaryFolder(async (dir) => {
    const { builders } = await testBuilders(dir, { settings: { memory: 64 * 1024 * 1024, cpus: 0.5, network: 'none', env: [] } });
    const builder = await builders.open(BUILDER_KEY);
    const network = await builder.run({ subject: 'network', argv: ['sh', '-c', 'ls /sys/class/net'] });
    expect(network.tail).toEqual(['lo']);
    const greedy = await builder.run({ subject: 'greedy', argv: ['python3', '-c', 'x = b"x" * (1 << 30)'] });
    expect(greedy.exitCode).toBe(137);
    await builders.close();
  });
});

test('a builder image that is not there', async () => {
  await inTemporaryFolder(async (dir) => {
    const absent = await testBuilders(dir, { transport: 'bind', resolveImage: () => Promise.resolve('wheelwright-test/absent:1') });
    await expect(absent.builders.open(BUILDER_KEY)).rejects.toMatchObject({ problems: [{ reason: 'not-found', advice: expect.stringContaining('pull') }] });
    await absent.builders.close();
  });
});

test('an interrupted run leaves nothing', async () => {
  await inTemporaryFolder(async (dir) => {
    const abort = new AbortController();
    const { builders } = await testBuilders(dir, { signal: abort.signal });
    const builder = await builders.open(BUILDER_KEY);
    const running = builder.run({ subject: 'long', argv: ['sh', '-c', 'echo begun; sleep 600'], onStdout: () => abort.abort() });
    await expect(running).rejects.toMatchObject({ problems: [{ reason: 'interrupted' }] });
    await builders.close();
    expect(await containersOf(dir)).toEqual([]);
  });
});

test('a run whose engine goes away fails and does not hang', async () => {
  await inTemporaryFolder(async (dir) => {
    const proxy = await engineProxy(dir);
    const { builders } = await testBuilders(dir, { engine: connectEngine({ host: proxy.host }) });
    const builder = await builders.open(BUILDER_KEY);
    const running = builder.run({ subject: 'long', argv: ['sh', '-c', 'echo begun; sleep 600'], onStdout: () => void proxy.kill() });
    const failure = await running.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failed);
    expect((failure as Failed).has('engine')).toBe(true);
    await expect(builders.close()).rejects.toMatchObject({ problems: [{ reason: 'engine' }] });
    await until(async () => (await containersOf(dir)).length === 0); // its lifeline broke with the connection
  });
});

test('kill -9 of our process ends and removes its container', async () => {
  await inTemporaryFolder(async (dir) => {
    const program = await bundle(dir);
    for (const moment of [0, 300, 600, 900]) {
      const child = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'], cwd: process.cwd() });
      if (moment === 0) await once(child.stdout, 'data');
      else await delay(moment);
      child.kill('SIGKILL');
      await once(child, 'exit');
      if (moment === 0) await until(async () => (await containersOf(dir)).length === 0);
    }
    // What was created but not started is the next run's to remove.
    await delay(500);
    const next = await testBuilders(dir, { run: { id: `${runOf(dir)}-next`, host: dir, isAlive: (id) => id.endsWith('next') } });
    await next.builders.open(BUILDER_KEY);
    await next.builders.close();
    await until(async () => (await containersOf(dir)).length === 0);
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(50); // jest's time limit ends it
}

/** A program that opens a builder, says so, and keeps it busy. Its folder is inside ours, so that it finds node_modules. */
async function bundle(dir: string): Promise<string> {
  const out = await mkdtemp(join(process.cwd(), 'node_modules', '.wheelwright-test-'));
  cleanups.push(() => rm(out, { recursive: true, force: true }));
  await mkdir(join(out, 'agent'));
  for (const module of await readdir('src')) await cp(`src/${module}/agent`, join(out, 'agent'), { recursive: true }).catch(() => undefined);
  await chmod(dir, 0o755);
  const outfile = join(out, 'program.mjs');
  await build({
    stdin: {
      contents: `
        import { BUILDER_KEY, removeVolumes, runOf, testBuilders } from './test/support/builders.js';
        const { builders } = await testBuilders(process.argv[2]);
        const builder = await builders.open(BUILDER_KEY);
        await builder.run({ subject: 'busy', argv: ['sh', '-c', 'echo busy; sleep 600'], onStdout: () => console.log('busy') });`,
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent',
  });
  return outfile;
}

const cleanups: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups) await cleanup();
});

async function tree(dir: string): Promise<{ path: string; uid: number; gid: number }[]> {
  const { uid, gid } = await lstat(dir);
  const found = [{ path: dir, uid, gid }];
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) found.push(...(await tree(path)));
    else found.push({ path, ...(await lstat(path)) });
  }
  return found;
}
