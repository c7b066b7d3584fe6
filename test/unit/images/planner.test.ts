import { beforeEach, describe, expect, test } from '@jest/globals';
import { chmod, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Event } from '../../../src/core/events.js';
import { Failed } from '../../../src/core/failure.js';
import type { RequirementHash } from '../../../src/core/identity.js';
import { createImagePlanner } from '../../../src/images/create-planner.js';
import type { PlannerDependencies } from '../../../src/images/planner.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { commandSpec, placed, projectOf, temporaryFolder, writeTree, type ImageSketch } from '../../support/images/project.js';
import { ScriptedEngine } from '../../support/images/scripted-engine.js';

const COMMIT = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';

let root: string;
let engine: ScriptedEngine;
let store: MemoryStore;
let events: Event[];

beforeEach(async () => {
  root = await temporaryFolder();
  engine = new ScriptedEngine();
  store = new MemoryStore();
  events = [];
  engine.add('debian:trixie-slim', 'debian 1');
  await writeTree(root, {
    'images/runtime/Dockerfile': 'FROM debian:trixie-slim\nRUN true\n',
    'images/base/Dockerfile': 'FROM runtime\nCOPY a.txt /a.txt\n',
    'images/base/a.txt': 'a',
    'images/base/unused.txt': 'unused',
    'images/web/Dockerfile': 'FROM base\nCMD web\n',
    'images/worker/Dockerfile': 'FROM base\nCMD worker\n',
  });
});

const FOUR: Record<string, ImageSketch> = { runtime: {}, base: {}, web: { role: true }, worker: { role: true } };

function planner(images: Record<string, ImageSketch> = FOUR, more: Partial<PlannerDependencies> = {}, artifacts: Parameters<typeof projectOf>[2] = []) {
  return createImagePlanner(projectOf(root, images, artifacts), {
    // What the engine is sent is looked at here; test/engine/images has the other way.
    engineBuild: true,
    engine: engine.port,
    store,
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    offline: false,
    jobs: 2,
    platform: 'linux/amd64',
    artifactKey: async (name) => name.padEnd(64, '0') as RequirementHash,
    artifact: async () => ({ format: 1, kind: 'command', prefix: '/opt/x', parts: [] }),
    ...more,
  });
}

const statuses = (results: readonly { name: string; status: string }[]) => results.map(({ name, status }) => `${name} ${status}`);
const edit = (path: string, text: string) => writeFile(join(root, path), text);

async function failure(work: Promise<unknown>): Promise<Failed> {
  const error: unknown = await work.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof Failed)) throw error ?? new Error('nothing failed');
  return error;
}

describe('building', () => {
  test('parents first, each FROM the parent with its content key', async () => {
    const results = await planner().build();
    expect(statuses(results)).toEqual(['runtime built', 'base built', 'web built', 'worker built']);
    const [runtime, base] = results;
    expect(engine.built.map(({ tag }) => tag.split(':')[0])).toEqual(['shop-runtime', 'shop-base', expect.anything(), expect.anything()]);
    expect(engine.built[1]!.dockerfile).toBe(`FROM shop-runtime:${runtime!.key.slice(0, 12)}\nCOPY a.txt /a.txt\n`);
    expect(engine.built[2]!.dockerfile).toContain(`FROM shop-base:${base!.key.slice(0, 12)}\n`);
    expect(base!.tags).toEqual([`shop-base:${base!.key.slice(0, 12)}`, 'shop-base:latest']);
    expect(engine.mostRunning).toBe(2);
  });

  test('only what COPY can reach is sent', async () => {
    await planner().build(['base']);
    expect([...engine.built[1]!.files.keys()]).toEqual(['.dockerignore', 'Dockerfile', 'a.txt']);
  });

  test('nothing to do touches nothing and asks once for each image', async () => {
    await planner().build();
    engine.calls.length = 0;
    const images = await planner().build();
    expect(statuses(images)).toEqual(['runtime present', 'base present', 'web present', 'worker present']);
    expect(engine.calls.sort()).toEqual(images.map(({ name, key }) => `image shop-${name}:${key.slice(0, 12)}`).sort());
  });

  test('a new revision is a new tag on the same image', async () => {
    const first = await planner(FOUR, { revision: { commit: COMMIT, branchTag: 'main', changed: [] } }).build();
    const second = await planner(FOUR, { revision: { commit: 'd'.repeat(40), branchTag: 'other', changed: [] } }).build();
    expect(second.map(({ id, status }) => [id, status])).toEqual(first.map(({ id }) => [id, 'retagged']));
    expect(second[0]!.tags).toEqual([`shop-runtime:${first[0]!.key.slice(0, 12)}`, 'shop-runtime:dddddddddddd', 'shop-runtime:other', 'shop-runtime:latest']);
    expect(engine.find('shop-web:main')!.id).toBe(engine.find('shop-web:other')!.id);
  });

  test('a changed parent rebuilds its descendants and nothing else', async () => {
    await planner().build();
    await edit('images/base/a.txt', 'b');
    expect(statuses(await planner().build())).toEqual(['runtime present', 'base built', 'web built', 'worker built']);
  });

  test('going back finds the old images', async () => {
    const first = await planner().build();
    await edit('images/base/a.txt', 'b');
    await planner().build();
    await edit('images/base/a.txt', 'a');
    const third = await planner().build();
    expect(third.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
    expect(statuses(third)).toEqual(['runtime present', 'base retagged', 'web retagged', 'worker retagged']);
  });

  test('a selection builds what it needs and no more', async () => {
    expect(statuses(await planner().build(['base']))).toEqual(['runtime built', 'base built']);
    expect(statuses(await planner().build(['worker']))).toEqual(['runtime present', 'base present', 'worker built']);
  });

  test('a present image does not need its parents back', async () => {
    await planner().build(['web']);
    for (const tag of [...engine.tags.keys()]) if (/runtime|base/.test(tag)) engine.tags.delete(tag);
    expect(statuses(await planner().build(['web']))).toEqual(['web present']);
  });

  test('a failed image fails its descendants only, and is told once', async () => {
    await writeTree(root, { 'images/other/Dockerfile': 'FROM runtime\nCMD x\n' });
    engine.failing.add('shop-base');
    const failed = await failure(planner({ ...FOUR, other: {} }).build());
    expect(failed.problems).toEqual([{ reason: 'build', message: 'image "base": the command returned 1', detail: ['boom'] }]);
    expect(engine.find('shop-runtime:latest')).toBeDefined();
    expect(engine.find('shop-other:latest')).toBeDefined();
    expect(events.flatMap((event) => (event.type === 'image' && event.state !== 'started' ? [`${event.name} ${event.state}`] : [])).sort()).toEqual([
      'base failed', 'other built', 'runtime built', 'web skipped', 'worker skipped',
    ]);
  });

  test('a child of ours that somebody built does not pass for its parent', async () => {
    const [runtime] = await planner().build(['runtime']);
    const labels = engine.find('shop-runtime:latest')!.labels;
    engine.add('elsewhere:latest', 'their own', labels);
    for (const tag of [...engine.tags.keys()]) if (tag.startsWith('shop-runtime')) engine.tags.delete(tag);
    expect((await planner().build(['runtime']))[0]).toMatchObject({ status: 'built', id: runtime!.id });
  });

  test('a file that changes while it is sent is not built under its old key', async () => {
    const subject = planner();
    await subject.key('base');
    await edit('images/base/a.txt', 'c');
    expect((await failure(subject.build(['base']))).problems[0]).toMatchObject({ reason: 'build', advice: 'run the command again' });
    expect(engine.find('shop-base:latest')).toBeUndefined();
  });
});

describe('keys', () => {
  const keyOf = (name: string, images?: Record<string, ImageSketch>, more?: Partial<PlannerDependencies>) => planner(images, more).key(name);

  test.each<[string, () => Promise<unknown>]>([
    ['a touched file', () => utimes(join(root, 'images/base/a.txt'), 1, 1)],
    ['a file that nothing reaches', () => edit('images/base/unused.txt', 'other')],
    ['a comment', () => edit('images/base/Dockerfile', '# why\nFROM runtime\nCOPY a.txt \\\n # x\n /a.txt\n')],
    ['the case of a keyword', () => edit('images/base/Dockerfile', 'from runtime\ncopy a.txt /a.txt\n')],
    ['a stage behind the target', () => edit('images/base/Dockerfile', 'FROM runtime AS x\nCOPY a.txt /a.txt\nFROM scratch\n')],
  ])('%s changes nothing', async (_, change) => {
    const target = { ...FOUR, base: { target: '0' } };
    if (_.startsWith('a stage')) await edit('images/base/Dockerfile', 'FROM runtime AS x\nCOPY a.txt /a.txt\n');
    const before = await keyOf('web', target);
    await change();
    expect(await keyOf('web', target)).toBe(before);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['content', () => edit('images/base/a.txt', 'b')],
    ['a mode', () => chmod(join(root, 'images/base/a.txt'), 0o755)],
    ['an instruction', () => edit('images/base/Dockerfile', 'FROM runtime\nCOPY a.txt /b.txt\n')],
    ['an ignore file', () => edit('images/base/.dockerignore', 'a.txt')],
    ['the parent', () => edit('images/runtime/Dockerfile', 'FROM debian:trixie-slim\nRUN false\n')],
    ['a file that is gone', () => rm(join(root, 'images/base/a.txt'))],
  ])('%s changes the key, of its children as well', async (_, change) => {
    const before = [await keyOf('base'), await keyOf('web')];
    await change();
    expect(await keyOf('base')).not.toBe(before[0]);
    expect(await keyOf('web')).not.toBe(before[1]);
  });

  test('names, repositories and tags are not in it', async () => {
    const renamed = { runtime: { repository: 'r.example:5000/x' }, base: {}, web: {} };
    expect(await keyOf('web', renamed, { tags: ['x'] })).toBe(await keyOf('web'));
  });

  test('build args count where the Dockerfile declares them', async () => {
    await edit('images/base/Dockerfile', 'ARG A\nFROM runtime\nCOPY a.txt /a.txt\n');
    const plain = await keyOf('base');
    expect(await keyOf('base', { ...FOUR, base: { args: { B: '1' } } })).toBe(plain);
    expect(await keyOf('base', { ...FOUR, base: { args: { A: '1' } } })).not.toBe(plain);
  });

  test('the store is not part of a context that it lies in', async () => {
    const images = { ...FOUR, web: { context: '.', dockerfile: 'images/web/Dockerfile' } };
    await edit('images/web/Dockerfile', 'FROM base\nCOPY . /src\n');
    const before = await keyOf('web', images);
    await writeTree(root, { '.artifacts/blobs/x': 'x' });
    expect(await keyOf('web', images)).toBe(before);
    await writeTree(root, { 'anything/else': 'x' });
    expect(await keyOf('web', images)).not.toBe(before);
  });

  test('artifacts count', async () => {
    const images = { ...FOUR, base: { artifacts: ['static'] } };
    const keys = await Promise.all(['1', '2'].map((key) => keyOf('web', images, { artifactKey: async () => key.repeat(64) as RequirementHash })));
    expect(new Set(keys).size).toBe(2);
  });

  test('a build arg or a proxy with a password shows nowhere', async () => {
    await edit('images/base/Dockerfile', 'ARG TOKEN\nFROM runtime\nCOPY a.txt /a.txt\n');
    const images = { ...FOUR, base: { args: { TOKEN: 'hunter2', HTTPS_PROXY: 'http://u:hunter2@proxy' } } };
    await planner(images).build(['base']);
    expect(JSON.stringify(engine.built[1]!.options.labels)).not.toContain('hunter2');
    expect(engine.built[1]!.options.buildArgs).toEqual({ TOKEN: 'hunter2', HTTPS_PROXY: 'http://u:hunter2@proxy' });
    for await (const { value } of store.listRecords('images')) expect(JSON.stringify(value)).not.toContain('hunter2');
  });

  test('the context that ONBUILD of a parent copies counts', async () => {
    await edit('images/runtime/Dockerfile', 'FROM debian:trixie-slim\nONBUILD COPY . /src\n');
    const before = await keyOf('base');
    await edit('images/base/unused.txt', 'used now');
    expect(await keyOf('base')).not.toBe(before);
  });
});

describe('bases', () => {
  test('are asked for once; then the record answers', async () => {
    await planner().key('web');
    engine.calls.length = 0;
    await planner().key('web');
    expect(engine.calls).toEqual([]);
  });

  test('another image under the name is noticed when something is built, and everything is planned anew', async () => {
    await planner().build();
    engine.add('debian:trixie-slim', 'debian 2');
    expect(statuses(await planner().build())).toEqual(['runtime present', 'base present', 'web present', 'worker present']);
    await edit('images/runtime/Dockerfile', 'FROM debian:trixie-slim\nRUN false\n');
    let forgotten = 0;
    expect(statuses(await planner(FOUR, { forget: () => (forgotten += 1) }).build())).toEqual(['runtime built', 'base built', 'web built', 'worker built']);
    expect(forgotten).toBe(1);
    expect(events.filter((event) => event.type === 'step' && event.message.includes('another image'))).toHaveLength(1);
    expect(statuses(await planner().build())).toEqual(['runtime present', 'base present', 'web present', 'worker present']);
  });

  test('what the engine lacks is pulled; its digest is its identity', async () => {
    await edit('images/runtime/Dockerfile', 'FROM r.example:5000/os:1\nRUN true\n');
    engine.registry.set('r.example:5000/os:1', { digest: `sha256:${'1'.repeat(64)}` });
    const [planned] = await planner().plan(['runtime']);
    expect(planned!.record['parents']).toEqual({ 'r.example:5000/os:1': `base sha256:${'1'.repeat(64)} linux/amd64` });
    await planner().build(['runtime']);
    expect(engine.built[0]!.options.labels).toMatchObject({
      'org.opencontainers.image.base.name': 'r.example:5000/os:1',
      'org.opencontainers.image.base.digest': `sha256:${'1'.repeat(64)}`,
    });
  });

  test('refresh pulls, and says what changed', async () => {
    engine.registry.set('debian:trixie-slim', { digest: `sha256:${'2'.repeat(64)}` });
    const subject = planner();
    const before = await subject.key('web');
    expect(await subject.refreshBases()).toEqual(['debian:trixie-slim']);
    expect(await subject.key('web')).not.toBe(before);
    expect(await subject.refreshBases()).toEqual([]);
  });

  test('one that is nowhere has its place, and the project image that may be meant', async () => {
    await edit('images/web/Dockerfile', '# web\nFROM bsae\nCMD x\n');
    expect((await failure(planner().key('web'))).problems).toEqual([
      { reason: 'dockerfile', message: 'bsae is in no registry', place: { file: 'images/web/Dockerfile', line: 2, column: 6 }, advice: "did you mean the project's image base?" },
    ]);
  });

  test('offline nothing is pulled', async () => {
    await edit('images/runtime/Dockerfile', 'FROM nowhere:1\n');
    expect((await failure(planner(FOUR, { offline: true }).key('web'))).problems[0]).toMatchObject({ reason: 'offline', place: { line: 1, column: 6 } });
    expect(engine.calls).toEqual(['image nowhere:1']);
  });
});

describe('edges', () => {
  const parentsOf = async (text: string, images = FOUR) => {
    await edit('images/web/Dockerfile', text);
    engine.add('web:1', 'public web');
    engine.add('web:latest', 'public web');
    return (await planner(images).plan(['web'])).at(-1)!.parents;
  };

  test.each([
    ['FROM base', ['base']],
    ['FROM base:latest', ['base']],
    ['FROM shop-base', ['base']],
    ['FROM shop-base:main', ['base']],
    ['FROM docker.io/library/shop-base', ['base']],
    ['FROM debian:trixie-slim AS x\nFROM base AS y\nCOPY --from=x /a /a', ['base']],
    ['FROM debian:trixie-slim\nCOPY --from=base /a /a\nCOPY --from=runtime /b /b', ['base', 'runtime']],
    ['ARG B=base\nFROM ${B}', ['base']],
    ['FROM base AS test\nFROM runtime', ['runtime']],
    ['FROM web:1', []],
    ['FROM web', []],
  ])('%j', async (text, expected) => {
    expect(await parentsOf(text)).toEqual(expected);
  });

  test('references are rewritten where they stand, and nowhere else', async () => {
    await edit('images/web/Dockerfile', '# base\nARG B=base\nFROM debian:trixie-slim AS unneeded\nRUN base\n\nFROM ${B} AS y\nRUN --mount=type=bind,from=runtime,target=/x echo base\nCOPY --from=runtime:latest --chown=1 /base /base\nFROM y\nFROM base\n');
    const subject = planner({ ...FOUR, web: { target: '2' } });
    await subject.build(['web']);
    const [runtime, base] = [(await subject.key('runtime')).slice(0, 12), (await subject.key('base')).slice(0, 12)];
    expect(engine.built.at(-1)!.dockerfile).toBe(
      `# base\nARG B=base\nFROM scratch AS unneeded\n\n\nFROM shop-base:${base} AS y\nRUN --mount=type=bind,from=shop-runtime:${runtime},target=/x echo base\nCOPY --from=shop-runtime:${runtime} --chown=1 /base /base\nFROM y\n`,
    );
    expect(engine.built.at(-1)!.options.backend).toBe('buildkit');
  });
});

describe('bad input', () => {
  test('a cycle has both places', async () => {
    await edit('images/runtime/Dockerfile', 'FROM debian:trixie-slim\nCOPY --from=web /a /a\n');
    expect((await failure(planner().build(['web']))).problems).toEqual([
      {
        reason: 'dockerfile',
        // The same words from wherever the cycle was entered: it starts with the first name.
        message: 'images that need each other: base → runtime → web → base',
        place: { file: 'images/base/Dockerfile', line: 1, column: 6 },
        related: { message: 'and back from here', place: { file: 'images/web/Dockerfile', line: 1, column: 6 } },
        advice: 'an image can be built only from images that do not need it',
      },
    ]);
    expect(engine.calls).toEqual([]);
  });

  test('a cycle through an artifact and its builder is one', async () => {
    const images = { ...FOUR, runtime: { artifacts: ['static'] } };
    const failed = await failure(planner(images, {}, [commandSpec('static', 'base')]).key('web'));
    expect(failed.message).toBe('images that need each other: artifact static → base → runtime → artifact static');
  });

  test('all problems of all Dockerfiles at once, before anything is built', async () => {
    await edit('images/web/Dockerfile', 'FROM base\nCOPPY a b\nRUN --mont=x y\n');
    await edit('images/worker/Dockerfile', 'FRM base\n');
    await rm(join(root, 'images/runtime/Dockerfile'));
    const failed = await failure(planner().build());
    expect(failed.problems.map(({ place, message }) => `${place!.file}:${place!.line}:${place!.column} ${message}`)).toEqual([
      'project.yml:5:5 the image "runtime" has no Dockerfile: images/runtime/Dockerfile is not there',
      'images/web/Dockerfile:2:1 "COPPY" is not a Dockerfile instruction',
      'images/web/Dockerfile:3:5 RUN has no flag --mont',
      'images/worker/Dockerfile:1:1 "FRM" is not a Dockerfile instruction',
    ]);
    expect(engine.built).toEqual([]);
  });

  test('an unknown image has its near match', async () => {
    expect((await failure(planner().build(['wbe']))).problems[0]).toMatchObject({ reason: 'usage', message: 'no image is named "wbe"', advice: 'did you mean web?' });
  });
});

describe('tags', () => {
  const tags = async (changed: string[], more: Partial<PlannerDependencies> = {}) =>
    Object.fromEntries((await planner(FOUR, { revision: { commit: COMMIT, branchTag: 'main', changed }, ...more }).plan()).map(({ name, key, tags: all }) => [
      name,
      all.map((tag) => tag.split(':')[1]!.replaceAll(key.slice(0, 12), 'KEY')).join(' '),
    ]));

  test('of a clean tree', async () => {
    expect(await tags([])).toMatchObject({ runtime: 'KEY c0ffee00c0ff main latest', web: 'KEY c0ffee00c0ff main latest' });
  });

  test.each([
    ['images/base/a.txt', ['base', 'web', 'worker']],
    ['images/base/unused.txt', []],
    ['images/base/gone.txt', []],
    ['images/base/.dockerignore', []],
    ['images/base/Dockerfile', ['base', 'web', 'worker']],
    ['images/web/Dockerfile', ['web']],
    ['README', []],
  ])('a change of %s makes dirty: %j', async (path, dirty) => {
    const all = await tags([path]);
    expect(Object.keys(all).filter((name) => all[name] === 'KEY c0ffee00c0ff-dirty-KEY main latest')).toEqual(dirty);
  });

  test('a deleted file that COPY would reach makes dirty', async () => {
    await edit('images/web/Dockerfile', 'FROM base\nCOPY . /src\n');
    expect((await tags(['images/web/gone.txt']))['web']).toContain('dirty');
  });

  test('own tags take the place of latest', async () => {
    expect((await tags([], { tags: ['v1', 'v1', 'main'] }))['web']).toBe('KEY c0ffee00c0ff main v1');
    expect((await tags([], { tags: ['v1'], latest: true }))['web']).toBe('KEY c0ffee00c0ff main latest v1');
    expect((await tags([], { latest: false }))['web']).toBe('KEY c0ffee00c0ff main');
  });

  test('no branch on a detached HEAD, no revision before the first commit', async () => {
    expect((await tags([], { revision: { commit: COMMIT, changed: [] } }))['web']).toBe('KEY c0ffee00c0ff latest');
    expect((await tags([], { revision: { branchTag: 'main', changed: [] } }))['web']).toBe('KEY main latest');
  });

  test('labels tell where it comes from', async () => {
    await planner(FOUR, { revision: { commit: COMMIT, branchTag: 'main', origin: async () => ({ committedAt: '2026-01-02T03:04:05Z', source: 'https://git.example/shop' }), changed: [] } }).build(['runtime']);
    const { labels } = engine.built[0]!.options;
    expect(labels).toMatchObject({
      'wheelwright.project': 'shop',
      'wheelwright.image': 'runtime',
      'org.opencontainers.image.source': 'https://git.example/shop',
      'org.opencontainers.image.revision': COMMIT,
      'org.opencontainers.image.version': 'c0ffee00c0ff',
      'org.opencontainers.image.created': '2026-01-02T03:04:05Z',
    });
  });
});

describe('builders', () => {
  const images = { ...FOUR, builder: {} };
  const artifacts = [commandSpec('static', 'builder', ['assets/**'])];
  beforeEach(() => writeTree(root, { 'images/builder/Dockerfile': 'FROM debian:trixie-slim\nRUN apt-get install gcc\n' }));

  test('are not built unless something needs or names them', async () => {
    expect(statuses(await planner(images, {}, artifacts).build())).not.toContain('builder built');
    expect(statuses(await planner(images, {}, artifacts).build(['builder']))).toEqual(['builder built']);
  });

  test('an image of the project is built once, under its key', async () => {
    const subject = planner(images, {}, artifacts);
    expect(await subject.builderKey(placed('builder', 1))).toBe(await subject.key('builder'));
    const id = await subject.ensureBuilder(placed('builder', 1));
    expect(engine.find(`shop-builder:${(await subject.key('builder')).slice(0, 12)}`)!.id).toBe(id);
    expect(engine.find('shop-builder:latest')).toBeUndefined();
    await planner(images, {}, artifacts).ensureBuilder(placed('shop-builder:latest', 1));
    expect(engine.built).toHaveLength(1);
  });

  test('an external one has the identity of its image', async () => {
    const subject = planner(images);
    const key = await subject.builderKey(placed('debian:trixie-slim', 1));
    expect(await subject.ensureBuilder(placed('debian:trixie-slim', 1))).toBe(engine.find('debian:trixie-slim')!.id);
    engine.add('debian:trixie-slim', 'debian 2');
    const failed = await failure(planner(images).ensureBuilder(placed('debian:trixie-slim', 7)));
    expect(failed.problems[0]).toMatchObject({ reason: 'engine', place: { line: 7 } });
    expect(await planner(images).builderKey(placed('debian:trixie-slim', 1))).not.toBe(key);
  });

  test('changes that reach an artifact make its images dirty', async () => {
    const withArtifact = { ...images, base: { artifacts: ['static'] } };
    const dirty = async (path: string) =>
      (await planner(withArtifact, { revision: { commit: COMMIT, changed: [path] } }, artifacts).plan()).filter(({ tags }) => tags.some((tag) => tag.includes('dirty'))).map(({ name }) => name);
    expect(await dirty('assets/app.js')).toEqual(['base', 'web', 'worker']);
    expect(await dirty('images/builder/Dockerfile')).toEqual(['base', 'web', 'worker']);
    expect(await dirty('other/app.js')).toEqual([]);
  });
});
