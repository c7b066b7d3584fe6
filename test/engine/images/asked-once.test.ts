import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Artifact } from '../../../src/artifact/artifact.js';
import type { RequirementHash } from '../../../src/core/identity.js';
import type { Engine } from '../../../src/engine/engine.js';
import { createImagePlanner } from '../../../src/images/create-planner.js';
import type { ImageResult } from '../../../src/images/planner.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { connectTestEngine, ENGINES } from '../../support/engines.js';
import { commandSpec, projectOf, quietPlanning, temporaryFolder, writeTree } from '../../support/images/project.js';
import { file, part } from '../../unit/layers/trees.js';

const PROJECT = `asked-${randomUUID().slice(0, 8)}`;

let root: string;
beforeAll(async () => {
  root = await temporaryFolder();
  await writeTree(root, {
    'images/runtime/Dockerfile': 'FROM debian:trixie-slim\nRUN mkdir -m 700 /opt/more\n',
    'images/deps/Dockerfile': 'FROM runtime\nADD artifacts/tools.tar /\n',
    'images/web/Dockerfile': 'FROM deps\nWORKDIR /opt/more\nCOPY page page\n',
    'images/web/page': 'page',
  });
});

describe.each(ENGINES)('the files of an image, on $name', (target) => {
  const store = new MemoryStore();
  let engine: Engine;
  let asked: number;
  beforeAll(async () => {
    const real = await connectTestEngine(target);
    asked = 0;
    engine = { ...real, createContainer: (...given: Parameters<Engine['createContainer']>) => ((asked += 1), real.createContainer(...given)) } as Engine;
  });
  afterAll(async () => {
    for (const name of ['web', 'deps', 'runtime']) {
      for (const { id, tags } of await engine.images([`wheelwright.project=${PROJECT}`])) if (tags.some((tag) => tag.startsWith(`${PROJECT}-${name}:`))) await engine.removeImage(id);
    }
    expect(await engine.images([`wheelwright.project=${PROJECT}`])).toEqual([]);
  });

  async function build(version: string): Promise<readonly ImageResult[]> {
    const artifact: Artifact = { format: 1, kind: 'command', prefix: '/opt/tools', parts: [await part(store, '/opt/tools', [file('bin/f', version)], `tool ${version}`)] };
    return createImagePlanner(projectOf(root, { runtime: {}, deps: { artifacts: ['tools'] }, web: { role: true } }, [commandSpec('tools', 'debian:trixie-slim')], PROJECT), {
      engine,
      store,
      ...quietPlanning(),
      artifactKey: async () => version.repeat(64) as RequirementHash,
      artifact: async () => artifact,
    }).build();
  }

  test('are asked for once: another version of an artifact on it needs no container', async () => {
    await build('1');
    const before = asked;
    expect(before).toBeGreaterThan(0);
    const results = await build('2');
    expect(results.map(({ status }) => status)).toEqual(['present', 'built', 'built']);
    expect(asked).toBe(before);
  });

  test('each tag is named once', async () => {
    for (const { tags } of await build('3')) expect(tags).toEqual([...new Set(tags)]);
  });
});
