import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../../src/engine/engine.js';
import { brokenLayers } from '../../contract/load/rig.js';
import { ENGINES, connectTestEngine } from '../../support/engines.js';

interface Loaded {
  readonly ids: readonly string[];
  readonly diffIds: readonly string[];
  /** KiB by which the process grew while it loaded. */
  readonly growth: number;
}

let folder: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheelwright-load-'));
  program = join(folder, 'worker.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'worker.ts')], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent', external: ['dockerode'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts one; `ready` when it is about to load. */
function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const ended = once(child, 'close').then(([code, signal]) => (signal ?? code) as number | string);
  return { child, ended, ready: Promise.race([once(child.stdout, 'data'), ended]), result: () => JSON.parse(stdout.trim().split('\n').at(-1)!) as Loaded };
}

describe.each([...ENGINES])('$name', (one) => {
  const run = randomUUID();
  const host = one.host ?? '';
  let engine: Engine;

  beforeAll(async () => {
    engine = await connectTestEngine(one);
  });
  afterAll(async () => {
    for (const label of ['', '-first', '-big'].map((suffix) => `wheelwright.test=${run}${suffix}`)) {
      // An image goes after those that stand on it.
      for (let left = 4; left > 0; left -= 1) for (const { id } of await engine.images([label])) await engine.removeImage(id);
      expect(await engine.images([label])).toEqual([]);
    }
  });

  const tags = [0, 1, 2].map((n) => `wheelwright-test/load-${run}:${n}`);

  test('processes that are killed at any time leave no image that is not whole, and the next one completes', async () => {
    const whole = start(host, `${run}-first`, '3', '1000000');
    await whole.ready;
    const begun = process.hrtime.bigint();
    expect(await whole.ended).toBe(0);
    const span = Number(process.hrtime.bigint() - begun) / 1e6;
    for (let kill = 0; kill < 20; kill += 1) {
      const worker = start(host, run, '3', '1000000');
      await worker.ready;
      await sleep((span * kill) / 20);
      worker.child.kill('SIGKILL');
      await worker.ended;
      for (const tag of tags) {
        const image = await engine.image(tag);
        if (image !== undefined) expect(await brokenLayers(engine, tag, image.layers)).toEqual([]);
      }
      // All there: from the beginning again.
      if ((await engine.image(tags[2]!)) !== undefined) for (const tag of [...tags].reverse()) await engine.removeImage(tag);
    }
    const last = start(host, run, '3', '1000000');
    expect(await last.ended).toBe(0);
    const { ids, diffIds } = last.result();
    for (const [n, tag] of tags.entries()) {
      expect((await engine.image(tag))!.id).toBe(ids[n]);
      expect(await brokenLayers(engine, tag, diffIds.slice(0, n + 1))).toEqual([]);
    }
  }, 300_000);

  test('a layer of 300 MB is never in memory, not on the way through the engine’s own export either', async () => {
    const worker = start(host, `${run}-big`, '1', '300000000', 'refused');
    expect(await worker.ended).toBe(0);
    expect(worker.result().growth).toBeLessThan(100 * 1024);
  });
});
