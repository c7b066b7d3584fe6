import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTar } from '../../../src/archive/read-tar.js';
import { artifactEntries } from '../../../src/artifact/compose.js';
import { Failed, type Problem } from '../../../src/core/failure.js';
import { integrity, project, publish, REGISTRY, tarball, world, type World } from './project.js';

let at: World;

beforeEach(async () => {
  at = world(await mkdtemp(join(tmpdir(), 'wheelwright-node-unit-')));
});
afterEach(() => rm(at.dir, { recursive: true, force: true }));

async function problemsOf(work: Promise<unknown>): Promise<readonly Problem[]> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof Failed)) throw error ?? new Error('it did not fail');
  return error.problems;
}

async function paths(planned: Awaited<ReturnType<World['plan']>>): Promise<readonly string[]> {
  const { artifact } = await planned.build();
  const found: string[] = [];
  for await (const { entry } of artifactEntries(artifact, at.store)) if (entry.type !== 'directory') found.push(entry.type === 'symlink' ? `${entry.path} -> ${entry.target}` : entry.path);
  return found.sort();
}

describe('building', () => {
  test('lays out packages, commands and the hidden lock', async () => {
    await at.files(project({
      'node_modules/a': await publish(at, 'a', '1.0.0', { bin: { a: 'cli.js', gone: 'no.js' }, dependencies: { c: '*' } }),
      'node_modules/@s/b': await publish(at, '@s/b', '2.0.0'),
      'node_modules/a/node_modules/c': await publish(at, 'c', '1.0.0', { bin: 'cli.js' }),
    }));
    expect(await paths(await at.plan())).toEqual([
      'app/node_modules/.bin/a -> ../a/cli.js', 'app/node_modules/.package-lock.json', 'app/node_modules/@s/b/cli.js', 'app/node_modules/@s/b/package.json',
      'app/node_modules/a/cli.js', 'app/node_modules/a/node_modules/.bin/c -> ../c/cli.js', 'app/node_modules/a/node_modules/c/cli.js',
      'app/node_modules/a/node_modules/c/package.json', 'app/node_modules/a/package.json',
    ].sort());
  });

  test('what belongs to no package has all folders above it, since a layer with it may have nothing else', async () => {
    await at.files(project({
      'node_modules/@s/b': await publish(at, '@s/b', '2.0.0', { dependencies: { c: '*' } }),
      'node_modules/@s/b/node_modules/c': await publish(at, 'c', '1.0.0', { bin: 'cli.js' }),
    }));
    const { artifact } = await (await at.plan()).build();
    const glue = artifact.parts.find((part) => part.package === undefined)!;
    const found: string[] = [];
    for await (const { entry } of readTar(await at.store.readBlob(glue.piece), { subject: 'glue', links: 'keep' })) found.push(entry.path);
    expect(found).toEqual([
      'node_modules', 'node_modules/.package-lock.json', 'node_modules/@s', 'node_modules/@s/b', 'node_modules/@s/b/node_modules', 'node_modules/@s/b/node_modules/.bin',
      'node_modules/@s/b/node_modules/.bin/c',
    ]);
  });

  test('fetches each package once, and nothing the second time', async () => {
    const a = await publish(at, 'a', '1.0.0');
    await at.files(project({ 'node_modules/a': a, 'node_modules/b': await publish(at, 'b', '1.0.0', { dependencies: { a: '*' } }), 'node_modules/b/node_modules/a': a }));
    const planned = await at.plan();
    expect(planned.packageCount).toBe(3);
    expect(await planned.missing()).toEqual(['a 1.0.0', 'b 1.0.0']);
    expect((await planned.build()).packages).toEqual({ total: 3, fetched: 2, compiled: 0, reused: 1 });
    expect(at.requests).toHaveLength(2);
    expect((await (await at.plan({ prefix: '/srv' })).build()).packages).toEqual({ total: 3, fetched: 0, compiled: 0, reused: 3 });
    expect(at.requests).toHaveLength(2);
    expect(await planned.missing()).toEqual([]);
  });

  test('a lock without addresses asks the registry by name, and follows what it says', async () => {
    const strip = (entry: object): object => ({ ...entry, resolved: undefined });
    await at.files(project({ 'node_modules/a': strip(await publish(at, 'a', '1.0.0')), 'node_modules/b': strip(await publish(at, 'b', '1.0.0')) }));
    const moved = at.registry.get(`${REGISTRY}b/-/b-1.0.0.tgz`)!;
    at.registry.delete(`${REGISTRY}b/-/b-1.0.0.tgz`);
    at.registry.set('https://cdn.example.org/b', moved);
    at.registry.set(`${REGISTRY}b`, Buffer.from(JSON.stringify({ versions: { '1.0.0': { dist: { tarball: 'https://cdn.example.org/b' } } } })));
    expect((await (await at.plan({ registry: REGISTRY })).build()).packages.fetched).toBe(2);
  });

  test('an optional package that does not exist is left out, with what only it needs', async () => {
    await publish(at, 'c', '1.0.0');
    await at.files(project(
      { 'node_modules/a': await publish(at, 'a', '1.0.0'), 'node_modules/o': { version: '1.0.0', resolved: `${REGISTRY}gone.tgz`, optional: true, dependencies: { c: '*' } }, 'node_modules/c': await publish(at, 'c', '1.0.0', { optional: true }) },
      { dependencies: { a: '*' }, optionalDependencies: { o: '*' } },
    ));
    expect((await paths(await at.plan())).filter((path) => path.endsWith('package.json'))).toEqual(['app/node_modules/a/package.json']);
    expect(at.events).toContainEqual(expect.objectContaining({ type: 'warning' }));
  });
});

describe('lean', () => {
  const optional = { optional: true };
  const manifests = (found: readonly string[]): readonly string[] => found.flatMap((path) => /^app\/node_modules\/(.*)\/package\.json$/.exec(path)?.[1] ?? []);

  /** `o` has a variant for each libc; that for musl needs `deep`, which nobody else does, and `shared`. */
  async function variants(): Promise<Record<string, object>> {
    return project({
      'node_modules/glibc': await publish(at, 'glibc', '1.0.0', { ...optional, bin: 'cli.js' }, { libc: ['glibc'] }),
      'node_modules/musl': await publish(at, 'musl', '1.0.0', { ...optional, bin: { glibc: 'cli.js' }, dependencies: { deep: '*', shared: '*' } }, { libc: 'musl' }),
      'node_modules/neither': await publish(at, 'neither', '1.0.0', optional, { libc: ['!glibc', '!musl'] }),
      'node_modules/any': await publish(at, 'any', '1.0.0', optional, { libc: [] }),
      'node_modules/odd': await publish(at, 'odd', '1.0.0', optional, { libc: { name: 'musl' } }),
      'node_modules/deep': await publish(at, 'deep', '1.0.0', optional),
      'node_modules/shared': await publish(at, 'shared', '1.0.0'),
      'node_modules/required': await publish(at, 'required', '1.0.0', {}, { libc: ['musl'] }),
      'node_modules/o': await publish(at, 'o', '1.0.0', { optionalDependencies: { glibc: '*', musl: '*', neither: '*', any: '*', odd: '*' } }),
    }, { dependencies: { o: '*', shared: '*', required: '*' } });
  }

  test('leaves out the hidden lock, optional packages for another libc, and what only they need', async () => {
    await at.files(await variants());
    expect(manifests(await paths(await at.plan()))).toEqual(['any', 'deep', 'glibc', 'musl', 'neither', 'o', 'odd', 'required', 'shared']);
    const planned = await at.plan({ lean: true });
    const found = await paths(planned);
    expect(manifests(found)).toEqual(['any', 'glibc', 'o', 'odd', 'required', 'shared']);
    expect(found.filter((path) => path.includes('/.'))).toEqual(['app/node_modules/.bin/glibc -> ../glibc/cli.js']);
    expect((await planned.build()).packages).toEqual({ total: 6, fetched: 0, compiled: 0, reused: 6 });
    expect(at.requests).toHaveLength(9);
  });

  test('a command of the one that is left out is that of another, and executable', async () => {
    await at.files(project({
      'node_modules/amusl': await publish(at, 'amusl', '1.0.0', { ...optional, bin: { run: 'cli.js' } }, { libc: ['musl'] }),
      'node_modules/b': await publish(at, 'b', '1.0.0', { bin: { run: 'cli.js' } }),
    }, { dependencies: { b: '*' }, optionalDependencies: { amusl: '*' } }));
    const modes: string[] = [];
    for (const lean of [false, true]) {
      const { artifact } = await (await at.plan({ lean })).build();
      for await (const { entry } of artifactEntries(artifact, at.store)) {
        if (/\.bin\/|b\/cli/.test(entry.path)) modes.push(entry.type === 'symlink' ? entry.target : `${entry.path} ${entry.mode.toString(8)}`);
      }
    }
    expect(modes.sort()).toEqual(['../amusl/cli.js', '../b/cli.js', 'app/node_modules/b/cli.js 644', 'app/node_modules/b/cli.js 755']);
  });

  test('what is omitted counts among those who need a package, as when the lock tells the libc', async () => {
    const musl = async (libc: object): Promise<Record<string, object>> => project({
      'node_modules/musl': await publish(at, 'musl', '1.0.0', { ...optional, ...libc, dependencies: { both: '*' } }, { libc: ['musl'] }),
      'node_modules/tool': await publish(at, 'tool', '1.0.0', { dev: true, dependencies: { both: '*' } }),
      'node_modules/both': await publish(at, 'both', '1.0.0', { devOptional: true }),
    }, { dependencies: {}, devDependencies: { tool: '*' }, optionalDependencies: { musl: '*' } });
    for (const libc of [{}, { libc: ['musl'] }]) {
      await at.files(await musl(libc));
      expect(manifests(await paths(await at.plan({ lean: true, omit: ['dev'] })))).toEqual(['both']);
    }
  });

  test('is in the key only when it is asked for', async () => {
    await at.files(await variants());
    const [plain, lean] = [await at.plan(), await at.plan({ lean: true })];
    expect(plain.record).not.toHaveProperty('lean');
    expect(lean.record).toEqual({ ...plain.record, lean: true });
    expect(lean.key).not.toBe(plain.key);
  });
});

describe('failing', () => {
  test('all that can be had is kept, and every failure has its place', async () => {
    const wrong = (await publish(at, 'wrong', '1.0.0')) as { integrity: string };
    await at.files(project({
      'node_modules/good': await publish(at, 'good', '1.0.0'),
      'node_modules/gone': { version: '1.0.0', resolved: `${REGISTRY}gone.tgz`, integrity: integrity(Buffer.from('x')) },
      'node_modules/wrong': { ...wrong, integrity: integrity(Buffer.from('other')) },
    }));
    const planned = await at.plan();
    const problems = await problemsOf(planned.build());
    expect(problems.map(({ reason, place }) => [reason, place?.file, place?.line]).sort()).toEqual([['integrity', 'package-lock.json', 29], ['not-found', 'package-lock.json', 23]]);
    expect(problems.find(({ reason }) => reason === 'integrity')?.detail).toEqual([`expected ${integrity(Buffer.from('other'))}`, `found    ${wrong.integrity}`]);
    expect(await planned.missing()).toEqual(['gone 1.0.0', 'wrong 1.0.0']);
  });

  test('a big package that is not what the lock says leaves nothing behind, one that is comes in parts', async () => {
    const noise = randomBytes(6 * 1024 ** 2).toString('latin1');
    const bytes = await tarball([{ path: 'package/package.json', content: '{}' }, { path: 'package/noise', content: noise }]);
    at.registry.set(`${REGISTRY}big.tgz`, bytes);
    const entry = { version: '1.0.0', resolved: `${REGISTRY}big.tgz` };
    await at.files(project({ 'node_modules/big': { ...entry, integrity: integrity(Buffer.from('other')) } }));
    expect(await problemsOf((await at.plan()).build())).toMatchObject([{ reason: 'integrity', place: { file: 'package-lock.json' }, detail: [expect.any(String), `found    ${integrity(bytes)}`] }]);
    const kept: string[] = [];
    for (const bucket of ['packages', 'pieces'] as const) for await (const { key } of at.store.listRecords(bucket)) kept.push(key);
    expect(kept).toEqual([]);
    await at.files(project({ 'node_modules/big': { ...entry, integrity: integrity(bytes) } }));
    expect(await paths(await at.plan())).toContain('app/node_modules/big/noise');
  });

  test.each([
    ['a name that climbs', { path: 'package/../../x' }],
    ['an absolute name', { path: '/etc/x' }],
    ['a link that leaves the package', { type: 'symlink' as const, path: 'package/l', target: '../../x' }],
  ])('%s is refused', async (_, entry) => {
    const bytes = await tarball([{ path: 'package/package.json', content: '{}' }, entry]);
    at.registry.set(`${REGISTRY}evil.tgz`, bytes);
    await at.files(project({ 'node_modules/evil': { version: '1.0.0', resolved: `${REGISTRY}evil.tgz`, integrity: integrity(bytes) } }));
    expect(await problemsOf((await at.plan()).build())).toMatchObject([{ reason: 'archive', message: expect.stringMatching(/evil 1\.0\.0.*/), place: { file: 'package-lock.json' } }]);
  });

  test('a lock out of step names each mismatch, with both places', async () => {
    await at.files({
      ...project({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0', dependencies: { c: '^2.0.0' } }, 'node_modules/c': { version: '1.0.0' } }),
      'package.json': { name: 'project', dependencies: { a: '^2.0.0', b: '1.0.0', d: '*' }, workspaces: ['w'] },
      'w/package.json': { name: 'w', version: '1.0.0', dependencies: { a: '1.x' } },
    });
    const problems = await problemsOf(at.plan());
    expect(problems.map(({ message, place }) => [message, place?.file, place?.line])).toEqual([
      ['package.json has the workspace w, which the lock lacks', 'package.json', 8],
      ['package.json asks for a ^2.0.0, but the lock has 1.0.0', 'package.json', 4],
      ['package.json asks for d *, which the lock lacks', 'package.json', 6],
      ['b 1.0.0 asks for c ^2.0.0, but the lock has 1.0.0', 'package-lock.json', 22],
    ]);
    expect(problems[1]?.related?.place).toMatchObject({ file: 'package-lock.json' });
  });

  test('engines: an error under engine-strict, a warning otherwise; another platform is an error', async () => {
    await at.files(project({ 'node_modules/a': await publish(at, 'a', '1.0.0', { engines: { node: '>=24' } }) }));
    await at.plan();
    expect(at.events).toMatchObject([{ type: 'warning', problem: { message: 'a 1.0.0 needs node >=24 (the builder has 20.19.2)' } }]);
    await at.files({ '.npmrc': 'engine-strict=true' });
    expect(await problemsOf(at.plan())).toMatchObject([{ reason: 'unsupported', place: { file: 'package-lock.json' } }]);
    await at.plan({ engineStrict: false });
    await at.files(project({ 'node_modules/a': await publish(at, 'a', '1.0.0', { os: ['darwin'] }) }));
    expect(await problemsOf(at.plan({ engineStrict: false }))).toMatchObject([{ message: 'a 1.0.0 needs os darwin (the builder has linux), and it is not optional' }]);
  });

  test('a file or lock outside the project, and one that is missing', async () => {
    expect(await problemsOf(at.plan())).toMatchObject([{ message: 'package.json does not exist' }]);
    await at.files({ 'package.json': { name: 'x' } });
    expect(await problemsOf(at.plan())).toMatchObject([{ message: expect.stringContaining('no package-lock.json') }]);
    await at.files(project({ 'node_modules/a': { version: '1.0.0', resolved: 'file:../../etc/a.tgz' } }, { dependencies: { a: 'file:../../etc/a.tgz' } }));
    expect(await problemsOf((await at.plan()).build())).toMatchObject([{ reason: 'unsupported', message: expect.stringContaining('outside the project') }]);
  });
});

describe('the key', () => {
  test('is the same for another formatting, order and scripts, and tells exactly what was bumped', async () => {
    const files = project({ 'node_modules/a': await publish(at, 'a', '1.0.0'), 'node_modules/b': await publish(at, 'b', '1.0.0') }, { scripts: { test: 'x' } });
    await at.files(files);
    const first = await at.plan();
    const lock = files['package-lock.json'] as { packages: Record<string, object> };
    const packages = Object.fromEntries(Object.entries(lock.packages).reverse());
    await writeFile(join(at.dir, 'package-lock.json'), JSON.stringify({ ...lock, packages }));
    await at.files({ 'package.json': { ...files['package.json'], scripts: { test: 'y' } } });
    expect((await at.plan()).key).toBe(first.key);
    await at.files(project({ 'node_modules/a': await publish(at, 'a', '1.0.1'), 'node_modules/b': await publish(at, 'b', '1.0.0') }));
    const bumped = await at.plan();
    const before = first.record as Record<string, unknown>;
    const after = bumped.record as Record<string, unknown>;
    expect(Object.keys(after).filter((field) => JSON.stringify(after[field]) !== JSON.stringify(before[field]))).toEqual(['packages']);
    const [p, q] = [before['packages'], after['packages']] as [Record<string, string>, Record<string, string>];
    expect(Object.keys(q).filter((location) => p[location] !== q[location])).toEqual(['node_modules/a']);
  });

  test('comes from the store when nothing changed, and not when a workspace appears or a command is made', async () => {
    const root = { name: 'project', version: '1.0.0', workspaces: ['w/*'] };
    const entries = { 'node_modules/one': { resolved: 'w/one', link: true }, 'w/one': { version: '1.0.0', bin: { one: 'cli.js' } } };
    await at.files({ 'package.json': root, 'package-lock.json': { name: 'project', lockfileVersion: 3, packages: { '': root, ...entries } }, 'w/one/package.json': { name: 'one', version: '1.0.0', bin: { one: 'cli.js' } } });
    const first = await at.plan();
    expect((await at.plan()).record).toEqual(first.record);
    await at.files({ 'w/one/cli.js': '' });
    const second = await at.plan();
    expect(second.key).not.toBe(first.key);
    expect(second.record['bins']).toEqual({ 'node_modules/.bin/one': '../one/cli.js' });
    await at.files({ 'w/two/package.json': { name: 'two', version: '1.0.0' } });
    expect(await problemsOf(at.plan())).toMatchObject([{ message: 'package.json has the workspace two, which the lock lacks' }]);
  });

  test('secrets are in no record, event or failure', async () => {
    await at.files(project({ 'node_modules/a': await publish(at, 'a', '1.0.0'), 'node_modules/gone': { version: '1.0.0', resolved: `${REGISTRY}gone.tgz` } }));
    await at.files({ '.npmrc': '//registry.example.org/:_authToken=${TOKEN}\n' });
    const planned = await at.plan({}, { env: { TOKEN: 'hunter2hunter2' } });
    const problems = await problemsOf(planned.build());
    expect(at.requests.map(({ authorization }) => authorization)).toEqual(['Bearer hunter2hunter2', 'Bearer hunter2hunter2']);
    const records: unknown[] = [];
    for (const bucket of ['locks', 'packages', 'pieces'] as const) for await (const record of at.store.listRecords(bucket)) records.push(record);
    expect(JSON.stringify([planned.record, problems, at.events, records])).not.toContain('hunter2');
    expect(await readFile(join(at.dir, '.npmrc'), 'utf8')).not.toContain('hunter2');
  });
});
