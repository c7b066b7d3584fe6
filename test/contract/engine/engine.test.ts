import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { tarOf } from '../../../src/archive/pack-tar.js';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { Failed, fail } from '../../../src/core/failure.js';
import type { BuildOptions, Container, Engine } from '../../../src/engine/engine.js';
import { ENGINES, connectTestEngine } from '../../support/engines.js';
import { FakeEngine } from '../../support/fake-engine.js';
import type { Io } from '../../support/fake-engine.js';

/** Scripts that the real engine runs in a shell, and what the fake does instead. */
const SCRIPTS: Readonly<Record<string, (io: Io) => Promise<number>>> = {
  'exit 7': async () => 7,
  'sleep 600': () => new Promise(() => undefined),
  'echo out; echo err >&2': async (io) => (await io.stdout('out\n'), await io.stderr('err\n'), 0),
  'head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 3': async (io) => (await io.stdout(Buffer.alloc(5_000_000)), await io.stderr(Buffer.alloc(3_000_000)), 3),
  'cat; echo " $COLOUR"': async (io) => {
    for await (const chunk of io.stdin) await io.stdout(chunk as Buffer);
    await io.stdout(` ${io.env['COLOUR']}\n`);
    return 0;
  },
};

async function runScript(io: Io): Promise<number> {
  const script = SCRIPTS[io.argv.at(-1) ?? ''];
  return script === undefined ? 127 : await script(io);
}

async function fakeBuild(options: BuildOptions, files: ReadonlyMap<string, unknown>) {
  const dockerfile = (files.get(options.dockerfile) as { content: Buffer }).content.toString();
  options.onLine?.('Step 1');
  const missing = /COPY (missing)/.test(dockerfile);
  if (missing) fail({ reason: 'build', message: 'could not build', detail: ['Step 1'] });
  return {
    layers: [`sha256:${'1'.repeat(64)}`],
    config: { env: ['A=1'], user: '', workingDir: '/w', exposedPorts: [], volumes: [], cmd: ['/hello'] },
  };
}

const SUBJECTS: readonly { readonly name: string; readonly image: string; readonly make: () => Promise<Engine> }[] = [
  {
    name: 'the fake', image: 'base:1', make: async () => {
      const fake = new FakeEngine({ run: runScript, build: fakeBuild });
      fake.addImage(['base:1']);
      return fake;
    },
  },
  ...ENGINES.map((one) => ({ name: one.name, image: one.image, make: () => connectTestEngine(one) })),
];

describe.each(SUBJECTS)('$name', ({ image, make }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await make();
  });
  const mark = `wheelwright.test=${randomUUID()}`;
  const labels = { 'wheelwright.test': mark.split('=')[1]! };
  const repository = `wheelwright-test/contract-${labels['wheelwright.test']}`;

  afterAll(async () => {
    for (const { id } of await engine.containers([mark])) await engine.container(id).remove();
    for (const { id } of await engine.images([mark])) await engine.removeImage(id);
    expect(await engine.images([mark])).toEqual([]);
  });

  const build = (dockerfile: string, options: Partial<BuildOptions> = {}) => engine.build({
    context: () => tarOf([file('Dockerfile', dockerfile), file('hello', `hello ${mark}`)]), dockerfile: 'Dockerfile', tags: [], labels, backend: 'classic', ...options,
  });

  const started = async (script = 'sleep 600'): Promise<Container> => {
    const container = await engine.createContainer({ image, entrypoint: ['sh', '-c'], command: [script], labels, network: 'none', init: true, env: { COLOUR: 'green' } });
    await container.start();
    return container;
  };

  test('says what it is', async () => {
    expect(await engine.info()).toMatchObject({ os: 'linux', rootless: false, buildkit: true, apiVersion: expect.stringMatching(/^1\.\d+$/), architecture: expect.stringMatching(/^(amd64|arm64)$/) });
    const release = await engine.release();
    expect(release).toContain((await engine.info()).version);
    expect(await engine.release()).toBe(release);
  });

  test('absent things', async () => {
    expect(await engine.image(`${repository}:absent`)).toBeUndefined();
    expect(await engine.removeImage(`${repository}:absent`)).toBe('absent');
    expect(await reasonOf(engine.createContainer({ image: `${repository}:absent` }))).toBe('not-found');
    const gone = engine.container('0'.repeat(64));
    expect(await gone.inspect()).toBeUndefined();
    await gone.remove();
    expect(await reasonOf(gone.start())).toBe('engine');
    expect(await reasonOf(gone.exec({ argv: ['true'] }))).toBe('engine');
    expect(await engine.containers([`${mark}-other`])).toEqual([]);
  });

  test.each(['classic', 'buildkit'] as const)('builds an image FROM scratch (%s), tags it, finds it by its labels, and removes it', async (backend) => {
    const id = await build(`FROM scratch\nCOPY hello /\nENV A=1\nWORKDIR /w\nCMD ["/hello"]\nLABEL by=${backend}\n`, { backend, tags: [`${repository}:one`, `${repository}:two`] });
    expect(await engine.image(`${repository}:one`)).toMatchObject({ id, labels, config: { cmd: ['/hello'], workingDir: '/w' } });
    expect((await engine.image(id))!.tags).toEqual(expect.arrayContaining([`${repository}:one`, `${repository}:two`]));
    expect((await engine.image(id))!.config.env).toContain('A=1');
    expect(await engine.images([mark])).toContainEqual(expect.objectContaining({ id }));
    await engine.tag(id, `${repository}:three`);
    expect(await engine.removeImage(`${repository}:one`)).toBe('removed');
    expect(await engine.image(`${repository}:one`)).toBeUndefined();
    expect(await engine.image(`${repository}:three`)).toMatchObject({ id });
    expect(await engine.removeImage(id)).toBe('removed');
    expect(await engine.image(id)).toBeUndefined();
  });

  test('a build that fails shows its last lines', async () => {
    const lines: string[] = [];
    const failure = await build('FROM scratch\nCOPY missing /\n', { onLine: (line) => lines.push(line) }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failed);
    expect((failure as Failed).problems[0]).toMatchObject({ reason: 'build', detail: expect.arrayContaining([expect.stringContaining('Step 1')]) });
    expect(lines.join()).toContain('Step 1');
  });

  test('unpacks tars as layers of an image, one read at a time', async () => {
    let open = 0;
    const tar = (...items: PackItem[]) => async (): Promise<Readable> => {
      open += 1;
      expect(open).toBe(1);
      return tarOf(items).once('close', () => (open -= 1));
    };
    const base = (await engine.image(image))!;
    const from = `localhost/${repository}:base`;
    await engine.tag(base.id, from);
    const unpacking = engine.unpack({ from, tars: [tar(file('one', 'first'), file('two', 'first')), tar(file('two', `second ${mark}`))] });
    if ((await engine.info()).imageStore === 'containerd') return expect(unpacking).rejects.toThrow('with a graph driver only').finally(() => engine.removeImage(from));
    const id = await unpacking;
    const { layers, tags } = (await engine.image(id))!;
    expect(layers.slice(0, -2)).toEqual(base.layers);
    expect(new Set(layers).size).toBe(base.layers.length + 2);
    expect(tags).toEqual([]);
    await engine.removeImage(id);
    await engine.removeImage(from);
  });

  test('what is no tar, or has no image to be unpacked on, is not unpacked', async () => {
    const from = `localhost/${repository}:base`;
    await engine.tag((await engine.image(image))!.id, from);
    const broken = engine.unpack({ from, tars: [async () => Readable.from([Buffer.from('no tar')])] });
    expect(((await broken.catch((error: unknown) => error)) as Failed).has('build')).toBe(true);
    await engine.removeImage(from);
    const nowhere = engine.unpack({ from: `localhost/${repository}:absent`, tars: [async () => tarOf([file('a', 'b')])] });
    expect(((await nowhere.catch((error: unknown) => error)) as Failed).has('build')).toBe(true);
  });

  test('saves and loads', async () => {
    const id = await build('FROM scratch\nCOPY hello /\n', { labels: { ...labels, travels: 'yes' }, tags: [`${repository}:saved`] });
    const chunks: Buffer[] = [];
    for await (const chunk of await engine.save([`${repository}:saved`])) chunks.push(chunk as Buffer);
    expect(await engine.removeImage(`${repository}:saved`)).toBe('removed');
    expect(await engine.load(Readable.from([Buffer.concat(chunks)]))).toEqual([`${repository}:saved`]);
    expect((await engine.image(`${repository}:saved`))!.labels['travels']).toBe('yes');
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await reasonOf(engine.load(Readable.from([Buffer.alloc(2048, 'garbage')])))).toBe('archive');
    expect(await reasonOf(engine.save([`${repository}:absent`]))).toBe('not-found');
  });

  test('an image that a container uses stays', async () => {
    const id = await build('FROM scratch\nCOPY hello /\nLABEL used=yes\n', { tags: [`${repository}:used`] });
    const container = await engine.createContainer({ image: id, command: ['/hello'], labels });
    expect(await engine.removeImage(id)).toBe('in-use');
    expect(await engine.image(`${repository}:used`)).toBeDefined();
    await container.remove();
    expect(await engine.removeImage(id)).toBe('removed');
  });

  test('a container’s life', async () => {
    const container = await started();
    expect(await container.inspect()).toMatchObject({ running: true });
    expect(await engine.containers([mark])).toContainEqual(expect.objectContaining({ id: container.id, state: 'running', labels: expect.objectContaining(labels) }));
    const waiting = container.wait();
    await container.kill('SIGKILL');
    expect(await waiting).toEqual({ exitCode: 137 });
    expect(await container.inspect()).toMatchObject({ running: false, exitCode: 137 });
    await container.kill('SIGTERM'); // not running: fine
    await container.remove();
    await container.remove();
    expect(await container.inspect()).toBeUndefined();
    expect((await engine.containers([mark])).map(({ id }) => id)).not.toContain(container.id);
  });

  test('stop asks first', async () => {
    const container = await started();
    await container.stop(10);
    expect((await container.inspect())!.running).toBe(false);
    await container.remove();
  });

  test('output and exit code of a container', async () => {
    const container = await started('echo out; echo err >&2');
    expect(await container.wait()).toEqual({ exitCode: 0 });
    expect([...(await container.logs(10))].sort()).toEqual(['err', 'out']);
    await container.remove();
  });

  test('a command’s exit code, and its output to the byte', async () => {
    const container = await started();
    expect(await container.exec({ argv: ['sh', '-c', 'exit 7'] })).toEqual({ exitCode: 7 });
    const out = createHash('sha256');
    let [stdout, stderr] = [0, 0];
    const result = await container.exec({
      argv: ['sh', '-c', 'head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 3'],
      onStdout: (chunk) => void ((stdout += chunk.length), out.update(chunk)),
      onStderr: async (chunk) => {
        await new Promise((resolve) => setImmediate(resolve)); // a slow receiver loses nothing
        stderr += chunk.length;
      },
    });
    expect([result.exitCode, stdout, stderr]).toEqual([3, 5_000_000, 3_000_000]);
    expect(out.digest('hex')).toBe(createHash('sha256').update(Buffer.alloc(5_000_000)).digest('hex'));
    await container.remove();
    expect(await reasonOf(container.exec({ argv: ['true'] }))).toBe('engine');
  });

  test('a command’s input and environment', async () => {
    const container = await started();
    const chunks: Buffer[] = [];
    const input = Buffer.alloc(2_000_000, 'x');
    await container.exec({ argv: ['sh', '-c', 'cat; echo " $COLOUR"'], env: { COLOUR: 'red' }, stdin: Readable.from([input]), onStdout: (chunk) => void chunks.push(chunk) });
    expect(Buffer.concat(chunks).equals(Buffer.concat([input, Buffer.from(' red\n')]))).toBe(true);
    await container.remove();
  });

  test('a command that is interrupted, and a program that is not there', async () => {
    const container = await started();
    const abort = new AbortController();
    const running = reasonOf(container.exec({ argv: ['sh', '-c', 'sleep 600'], signal: abort.signal }));
    abort.abort();
    expect(await running).toBe('interrupted');
    expect([126, 127]).toContain((await container.exec({ argv: ['no-such-program'] })).exitCode);
    await container.remove();
  });

  test('files in and out, also before it is started', async () => {
    const container = await engine.createContainer({ image, entrypoint: ['sh', '-c'], command: ['sleep 600'], labels, network: 'none' });
    const item: PackItem = { entry: { type: 'file', path: 'd/f', mode: 0o640, uid: 12, gid: 34, mtime: 1_000_000_000, size: 3 }, content: Buffer.from('abc') };
    await container.putArchive('/tmp', tarOf([{ entry: { type: 'directory', path: 'd', mode: 0o755, uid: 12, gid: 34, mtime: 1_000_000_000 } }, item]));
    const found: string[] = [];
    for await (const { entry, content } of readTar((await container.getArchive('/tmp/d'))!, { subject: 'x' })) {
      let text = '';
      for await (const chunk of content) text += String(chunk);
      found.push(`${entry.path} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${text}`);
    }
    expect(found).toEqual(['d 755 12:34 ', 'd/f 640 12:34 abc']);
    expect(await container.getArchive('/tmp/nothing')).toBeUndefined();
    expect(await reasonOf(container.putArchive('/nothing/here', tarOf([])))).toBe('not-found');
    await container.remove();
  });

  test('attached streams', async () => {
    const container = await engine.createContainer({ image, entrypoint: ['sh', '-c'], command: ['cat; echo " $COLOUR"'], labels, network: 'none', openStdin: true, env: { COLOUR: 'blue' } });
    const { stdin, stdout, stderr } = await container.attach({ stdin: true, tty: false });
    await container.start();
    stderr.resume();
    stdin.end('given');
    let text = '';
    for await (const chunk of stdout) text += String(chunk);
    expect(text).toBe('given blue\n');
    expect(await container.wait()).toEqual({ exitCode: 0 });
    await container.remove();
  });
});

function file(path: string, text: string): PackItem {
  return { entry: { type: 'file', path, mode: 0o755, uid: 0, gid: 0, mtime: 0, size: Buffer.byteLength(text) }, content: Buffer.from(text) };
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => 'no failure', (reason: unknown) => reason);
  return error instanceof Failed ? error.problems[0]!.reason : String(error);
}
