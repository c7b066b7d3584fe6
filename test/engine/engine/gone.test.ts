import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { Failed } from '../../../src/core/failure.js';
import { connectEngine } from '../../../src/engine/connect.js';
import type { Container, Engine } from '../../../src/engine/engine.js';
import { BUILDER_IMAGE } from '../../support/builders.js';
import { engineProxy } from '../../support/engine-proxy.js';
import type { EngineProxy } from '../../support/engine-proxy.js';
import { inTemporaryFolder } from '../../support/temporary.js';

/** Calls that are under way when the engine goes; each tells when it is. */
const CALLS: Readonly<Record<string, (engine: Engine, id: string, underWay: () => void) => Promise<unknown>>> = {
  'the output of a command': (engine, id, underWay) => engine.container(id).exec({ argv: ['sh', '-c', 'echo ready; sleep 60'], onStdout: underWay }),
  'a silent command with input': (engine, id, underWay) => engine.container(id).exec({ argv: ['sh', '-c', 'echo ready; cat >/dev/null'], stdin: new PassThrough(), onStdout: underWay }),
  'the end of a container': async (engine, id, underWay) => {
    await engine.container(id).inspect();
    setTimeout(underWay, 100);
    await engine.container(id).wait();
  },
  'saving an image': async (engine, _id, underWay) => {
    const archive = await engine.save(['debian:trixie-slim']);
    for await (const _ of archive) underWay();
  },
  'files out of a container': async (engine, id, underWay) => {
    const archive = await engine.container(id).getArchive('/usr');
    for await (const _ of archive!) underWay();
  },
  'files into a container': async (engine, id, underWay) => {
    await engine.container(id).putArchive('/tmp', endlessTar(underWay));
  },
  'loading an image': (engine, _id, underWay) => engine.load(endlessTar(underWay)),
  'building an image': (engine, _id, underWay) => engine.build({ context: () => endlessTar(underWay), dockerfile: 'Dockerfile', tags: [], backend: 'classic' }),
  'a question of a builder': (engine, _id, underWay) => engine.build({
    context: () => dockerfileTar('FROM debian:trixie-slim\nRUN --mount=type=secret,id=slow,required=true true\n'), dockerfile: 'Dockerfile', tags: [], noCache: true, backend: 'buildkit',
    session: { secret: () => new Promise(() => underWay()) },
  }),
};

let container: Container;

beforeAll(async () => {
  container = await connectEngine().createContainer({ image: BUILDER_IMAGE, entrypoint: ['sleep', '600'], command: [], init: true, network: 'none' });
  await container.start();
});

afterAll(async () => await container.remove());

test.each(Object.keys(CALLS))('an engine killed during %s is a failure, not a hang', async (name) => {
  const failure = await interruptedBy(name, (proxy) => proxy.kill());
  expect(failure).toBeInstanceOf(Failed);
  expect((failure as Failed).problems[0]).toMatchObject({ reason: 'engine' });
});

test.each(Object.keys(CALLS))('an engine that stops answering during %s is noticed', async (name) => {
  const failure = await interruptedBy(name, (proxy) => Promise.resolve(proxy.freeze()));
  expect(failure).toBeInstanceOf(Failed);
  expect((failure as Failed).problems[0]).toMatchObject({ reason: 'engine' });
});

test('the connection of an attached terminal breaks with the engine', async () => {
  await inTemporaryFolder(async (dir) => {
    const proxy = await engineProxy(dir);
    const one = await connectEngine({ host: proxy.host }).createContainer({ image: BUILDER_IMAGE, entrypoint: ['cat'], command: [], openStdin: true, network: 'none' });
    try {
      const attached = await one.attach({ stdin: true, tty: false });
      await one.start();
      const ended = new Promise((resolve) => attached.stdout.on('error', resolve).on('end', resolve).resume());
      attached.stdin.on('error', () => undefined);
      attached.stderr.on('error', () => undefined);
      await proxy.kill();
      await ended;
    } finally {
      await connectEngine().container(one.id).remove();
    }
  });
});

async function interruptedBy(name: string, end: (proxy: EngineProxy) => Promise<void>): Promise<unknown> {
  return await inTemporaryFolder(async (dir) => {
    const proxy = await engineProxy(dir);
    const engine = connectEngine({ host: proxy.host, heartbeat: { every: 100, patience: 300 } });
    try {
      return await new Promise((resolve) => {
        let done = false;
        const underWay = () => {
          if (done) return;
          done = true;
          void end(proxy);
        };
        CALLS[name]!(engine, container.id, underWay).then(() => resolve('finished'), resolve);
      });
    } finally {
      await proxy.kill().catch(() => undefined);
    }
  });
}

function dockerfileTar(text: string): Readable {
  return tarOf([{ entry: { type: 'file', path: 'Dockerfile', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: text.length }, content: Buffer.from(text) }]);
}

/** A tar with a file of a terabyte in it. */
function endlessTar(underWay: () => void): Readable {
  return tarOf([{ entry: { type: 'file', path: 'big', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 2 ** 40 }, content: endless(underWay) }]);
}

async function* endless(underWay: () => void): AsyncGenerator<Buffer> {
  for (let count = 0; ; count += 1) {
    yield Buffer.alloc(65536, 1);
    if (count === 20) underWay();
  }
}
