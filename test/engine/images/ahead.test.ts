import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Artifact, Part } from '../../../src/artifact/artifact.js';
import { groupOf, spreadOf } from '../../../src/artifact/spread.js';
import { Failed } from '../../../src/core/failure.js';
import type { Engine, LoadOptions } from '../../../src/engine/engine.js';
import { createImagePlanner } from '../../../src/images/create-planner.js';
import type { Ahead, ImageResult, PlannerDependencies } from '../../../src/images/planner.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { connectTestEngine, ENGINES } from '../../support/engines.js';
import { commandSpec, projectOf, quietPlanning, temporaryFolder, writeTree } from '../../support/images/project.js';
import { file, folder, part } from '../../unit/layers/trees.js';

const PROJECT = `ahead-${randomUUID().slice(0, 8)}`;
const LABEL = `wheelwright.ahead.test=${PROJECT}`;
const PACKAGES = 40;
/** Eight groups of them are worth more than one load. Bytes of a package. */
const SIZE = 1 << 19;
const contents = Array.from({ length: PACKAGES }, () => randomBytes((SIZE / 4) * 3).toString('base64'));

let root: string;
beforeAll(async () => {
  root = await temporaryFolder();
  await writeTree(root, {
    'images/runtime/Dockerfile': 'FROM debian:trixie-slim\nCOPY nonce /nonce\n',
    // Layers that no other run of this test has.
    'images/runtime/nonce': PROJECT,
    'images/deps/Dockerfile': 'FROM runtime\nENV A=b\nADD artifacts/tools.tar /\n',
    'images/web/Dockerfile': 'FROM deps\nCOPY page /page\n',
    'images/web/page': 'page',
  });
});

/** An engine that tells what is loaded: the bytes of each archive, and where each load ended. */
function watched(engine: Engine): { readonly port: Engine; readonly loads: number[]; readonly loaded: (count: number) => Promise<void>; fail: boolean } {
  const loads: number[] = [];
  const waiting: { readonly count: number; readonly done: () => void }[] = [];
  const self = {
    loads,
    fail: false,
    loaded: (count: number) => new Promise<void>((done) => (loads.length >= count ? done() : waiting.push({ count, done }))),
    port: {
      ...engine,
      load: async (archive: NodeJS.ReadableStream, options: LoadOptions) => {
        let bytes = 0;
        archive.on('data', (chunk: Buffer) => (bytes += chunk.length));
        archive.pause();
        const names = await engine.load(archive as Parameters<Engine['load']>[0], options);
        loads.push(bytes);
        for (const { count, done } of waiting) if (loads.length >= count) done();
        if (self.fail) throw new Failed({ reason: 'engine', message: 'it died' });
        return names;
      },
    } as unknown as Engine,
  };
  return self;
}

describe.each(ENGINES)('layers sent ahead, on $name', (target) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await connectTestEngine(target);
  });
  afterAll(async () => {
    await removeAll();
    expect(await engine.images([LABEL])).toEqual([]);
  });

  async function removeAll(): Promise<void> {
    for (const image of ['web', 'deps', 'runtime']) {
      for (const { id, tags } of await engine.images([`wheelwright.project=${PROJECT}`])) {
        if (tags.some((tag) => tag.startsWith(`${PROJECT}-${image}:`))) await engine.removeImage(id);
      }
    }
  }

  async function build(port: Engine, more: (artifact: Artifact) => Partial<PlannerDependencies>): Promise<readonly ImageResult[]> {
    const store = new MemoryStore();
    const parts = await Promise.all(contents.map((text, index) => part(store, `/opt/tools/lib/p${index}`, [folder('bin'), file('bin/f', text)], `p${index} 1.0.0`)));
    const artifact: Artifact = { format: 1, kind: 'command', prefix: '/opt/tools', parts: [...parts, await part(store, '/opt/tools', [file('lock', 'all')])] };
    return createImagePlanner(projectOf(root, { runtime: {}, deps: { artifacts: ['tools'] }, web: { role: true } }, [commandSpec('tools', 'debian:trixie-slim')], PROJECT), {
      engine: port,
      store,
      ...quietPlanning(),
      artifact: async () => artifact,
      ...more(artifact),
    }).build(undefined, { within: new Set(['runtime', 'deps', 'web']) });
  }

  /** Groups of parts as a kind tells them, those above the first `wrong` with another package than there will be. */
  function aheadOf({ parts }: Artifact, wrong = Infinity): Ahead {
    const packages = parts.filter((one) => one.package !== undefined);
    const spread = spreadOf(packages.length);
    const groups = Array.from({ length: spread }, (_, index) => packages.filter((one) => groupOf(one.package as string, spread) === index));
    const told = groups.map((group, index) => (index < wrong ? group : group.map((one): Part => ({ ...one, at: `${one.at}-old` }))));
    return {
      parts: (_name, listener) => {
        for (const group of told) listener(group);
        return () => undefined;
      },
      labels: async () => Object.fromEntries([LABEL.split('=') as [string, string]]),
    };
  }

  const idsOf = (results: readonly ImageResult[]) => results.map(({ name, id }) => `${name} ${id}`);
  let expected: readonly string[];
  let whole: number;

  test('without: everything is sent when all of it is there', async () => {
    const { port, loads } = watched(engine);
    expected = idsOf(await build(port, () => ({})));
    whole = loads.at(-1)!;
    // Some engines get them compressed.
    expect(whole).toBeGreaterThan(PACKAGES * SIZE * 0.7);
    await removeAll();
  });

  test('the image is the same, what was sent is not sent again, and nothing else stays', async () => {
    const { port, loads, loaded } = watched(engine);
    // The parent's own load, and two ahead.
    const results = await build(port, (artifact) => ({ ahead: aheadOf(artifact), artifact: () => loaded(3).then(() => artifact) }));
    expect(idsOf(results)).toEqual(expected);
    expect(loads.at(-1)).toBeLessThan(whole * 0.8);
    expect(loads.reduce((sum, bytes) => sum + bytes)).toBeLessThan(whole * 1.1);
    expect(await engine.images([LABEL])).toEqual([]);
    const { layers } = (await engine.image(`${PROJECT}-deps:latest`))!;
    await removeAll();
    expect(layers).toHaveLength(1 + 1 + 9);
  });

  test('so it is while keys are still being computed: the parent goes along', async () => {
    const { port, loads, loaded } = watched(engine);
    const results = await build(port, (artifact) => ({ ahead: aheadOf(artifact), artifactKey: (name) => loaded(2).then(() => quietPlanning().artifactKey(name)) }));
    expect(idsOf(results)).toEqual(expected);
    expect(loads.at(-1)).toBeLessThan(whole * 0.8);
    expect(loads.reduce((sum, bytes) => sum + bytes)).toBeLessThan(whole * 1.1);
    expect(await engine.images([LABEL])).toEqual([]);
    await removeAll();
  });

  test('a key that can’t be had leaves nothing', async () => {
    const { port, loaded } = watched(engine);
    const failure = await build(port, (artifact) => ({
      ahead: aheadOf(artifact),
      artifactKey: () => loaded(1).then(() => Promise.reject(new Failed({ reason: 'requirements', message: 'no such version' }))),
    })).catch((error: unknown) => error);
    expect((failure as Failed).problems).toMatchObject([{ message: 'no such version' }]);
    expect(await engine.images([`wheelwright.project=${PROJECT}`])).toEqual([]);
    expect(await engine.images([LABEL])).toEqual([]);
  });

  test('what comes out otherwise than was told is sent anew', async () => {
    const { port, loaded } = watched(engine);
    const results = await build(port, (artifact) => ({ ahead: aheadOf(artifact, 1), artifact: () => loaded(3).then(() => artifact) }));
    expect(idsOf(results)).toEqual(expected);
    expect(await engine.images([LABEL])).toEqual([]);
    await removeAll();
  });

  test('what fails is done again in earnest', async () => {
    const one = watched(engine);
    const results = await build(one.port, (artifact) => ({
      ahead: aheadOf(artifact),
      artifact: async () => {
        await one.loaded(1);
        one.fail = true;
        await one.loaded(2);
        one.fail = false;
        return artifact;
      },
    }));
    expect(idsOf(results)).toEqual(expected);
    await removeAll();
    // The engine had made the image before it "died": nobody knows of it, and its labels tell.
    for (const { id } of await engine.images([LABEL])) await engine.removeImage(id);
  });

  test('an artifact that fails leaves nothing', async () => {
    const { port, loaded } = watched(engine);
    const failure = await build(port, (artifact) => ({
      ahead: aheadOf(artifact),
      artifact: () => loaded(2).then(() => Promise.reject(new Failed({ reason: 'compile', message: 'it does not compile' }))),
    })).catch((error: unknown) => error);
    expect((failure as Failed).problems).toMatchObject([{ message: 'it does not compile' }]);
    expect(await engine.images([LABEL])).toEqual([]);
    await removeAll();
  });
});
