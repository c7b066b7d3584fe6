import { beforeEach, expect, test } from '@jest/globals';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RequirementHash } from '../../../src/core/identity.js';
import { createImagePlanner } from '../../../src/images/create-planner.js';
import { planImages } from '../../../src/run/image-plan.js';
import { selectionOf, type SelectionOptions } from '../../../src/run/selection.js';
import type { World } from '../../../src/run/world.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { projectOf, temporaryFolder, writeTree } from '../../support/images/project.js';
import { ScriptedEngine } from '../../support/images/scripted-engine.js';

let root: string;
let engine: ScriptedEngine;
let store: MemoryStore;

beforeEach(async () => {
  root = await temporaryFolder();
  engine = new ScriptedEngine();
  store = new MemoryStore();
  await writeTree(root, {
    'images/base/Dockerfile': 'FROM scratch\nCOPY . /\n',
    'images/base/a.txt': '1',
    'images/web/Dockerfile': 'ARG V=1\nFROM base\nARG V\nCOPY w.txt /\n',
    'images/web/w.txt': '1',
  });
});

function world(args: Record<string, string> = {}, tags: string[] = []) {
  const project = projectOf(root, { base: {}, web: { args } });
  const images = createImagePlanner(project, {
    engineBuild: true,
    engine: engine.port, store, emit: () => undefined, signal: new AbortController().signal, offline: true, jobs: 2, tags,
    artifactKey: async () => '0'.repeat(64) as RequirementHash,
    artifact: () => Promise.reject(new Error('no artifacts here')),
  });
  return { project, images, engine: engine.port, store, hostEnv: {} } as unknown as World;
}

async function plan(one = world(), options: Partial<SelectionOptions> = {}, anew = false): Promise<string[]> {
  const steps = await planImages(one, await selectionOf(one, { cwd: root, ...options }), { anew });
  return steps.map(({ name, action, reasons }) => [`${name} ${action}`, ...reasons].join('; '));
}

test('from nothing to everything, and what makes an image old', async () => {
  expect(await plan()).toEqual(['base build; never built here', 'web build; never built here']);
  expect(engine.built).toEqual([]);
  await world().images.build();
  expect(await plan()).toEqual(['base present', 'web present']);
  expect(await plan(world({}, ['v1']))).toEqual(['base retag; it lacks v1', 'web retag; it lacks v1']);

  await writeFile(join(root, 'images/web/w.txt'), '2');
  expect(await plan(world({ V: '2' }))).toEqual(['base present', 'web build; build arg V is new; w.txt changed']);
  await writeFile(join(root, 'images/base/b.txt'), '2');
  await rm(join(root, 'images/base/a.txt'));
  expect(await plan()).toEqual(['base build; a.txt is gone; b.txt is new', 'web build; w.txt changed; parent base is rebuilt']);
  await writeFile(join(root, 'images/base/Dockerfile'), 'FROM scratch\nCOPY . /\nUSER 1\n');
  expect((await plan())[0]).toContain('its Dockerfile changed');
});

test('an image that the engine has lost, and one that is asked for anew', async () => {
  await world().images.build();
  engine.images.clear();
  engine.tags.clear();
  expect(await plan()).toEqual(['base build; this engine no longer has it', 'web build; this engine no longer has it']);
  await world().images.build();
  expect(await plan(world(), { exact: ['web'] }, true)).toEqual(['web build; it was asked for anew']);
  const before = engine.built.length;
  await world().images.build(['web'], { anew: true, within: new Set(['web']) });
  expect(engine.built.slice(before).map(({ options }) => options.noCache)).toEqual([true]);
});

test('a parent that nobody needs is skipped, one that is needed and not asked for is an error', async () => {
  await world().images.build();
  const base = engine.find('shop-base:latest')!;
  for (const [tag, id] of engine.tags) if (id === base.id) engine.tags.delete(tag);
  engine.images.delete(base.id);
  expect(await plan(world(), { names: ['web'] })).toEqual(['base skip; nothing that is built from it has to be built', 'web present']);
  await writeFile(join(root, 'images/web/w.txt'), '2');
  await expect(plan(world(), { exact: ['web'] })).rejects.toThrow('web is built from base, which is not built as it now is');
  expect((await plan(world(), { names: ['web'] }))[0]).toBe('base build; this engine no longer has it');
});
