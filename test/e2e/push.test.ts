import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from '@jest/globals';
import { runCli, startCli, type CliResult } from '../support/cli.js';
import { docker, removeImages } from '../support/images/docker.js';
import { temporaryFolder } from '../support/images/project.js';
import { PASSWORD, startImageRegistry, startRegistryProxy, USER, type ImageRegistry, type RegistryProxy } from '../support/image-registry.js';
import { writeFiles } from '../support/project.js';

const run = promisify(execFile);

interface PushedImage {
  readonly name: string;
  readonly key: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly status: string;
  readonly uploadedBytes: number;
  readonly mountedBytes: number;
}
interface Answer {
  readonly images: readonly PushedImage[];
  readonly problems?: readonly { readonly reason: string; readonly message: string }[];
}

let registry: ImageRegistry;
/** What stands between everybody and the registry, and sees what is sent. */
let proxy: RegistryProxy;
let folder: string;
let team: string;
let projects = 0;
const references = new Set<string>();

beforeAll(async () => {
  registry = await startImageRegistry({ password: true });
});
beforeEach(async () => {
  proxy = await startRegistryProxy(registry.host);
  folder = await temporaryFolder();
  projects += 1;
  team = `${proxy.host}/team${projects}/images`;
  await writeFiles(folder, {
    'project.yml': `name: shop\nregistry: ${team}\nimages:\n  base: { context: images/base }\n  web: { context: images/web }\n  worker: { context: images/worker }\n`,
    'images/base/Dockerfile': 'FROM scratch\nCOPY noise /noise\n',
    // Not to be compressed away, and like no other test's.
    'images/base/noise': (await run('head', ['-c', '200000', '/dev/urandom'], { encoding: 'buffer' })).stdout,
    'images/web/Dockerfile': 'FROM base\nCOPY page /page\nCMD ["/page"]\n',
    'images/web/page': `hello from ${team}\n`,
    'images/worker/Dockerfile': 'FROM base\nCOPY job /job\n',
    'images/worker/job': `work for ${team}\n`,
    '.gitignore': '.artifacts/\n',
    'docker/config.json': JSON.stringify({ auths: { [proxy.host]: { auth: Buffer.from(`${USER}:${PASSWORD}`).toString('base64') } } }),
  });
  await git('init', '-q', '-b', 'main');
  await commit('first');
});
afterEach(async () => {
  // Parents that were built for others are in no answer.
  await removeImages((await docker(['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', `reference=${team}/*`])).split('\n').filter((line) => line !== ''));
  references.clear();
  await rm(folder, { recursive: true, force: true });
  await proxy.close();
});
afterAll(() => registry.close());

async function git(...args: string[]): Promise<string> {
  const { stdout } = await run('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder });
  return stdout.trim();
}

async function commit(message: string): Promise<string> {
  await git('add', '-A');
  await git('commit', '-q', '--allow-empty', '-m', message);
  return (await git('rev-parse', 'HEAD')).slice(0, 12);
}

async function artifacts(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult & { readonly answer: Answer }> {
  const result = await runCli([...args, '--json'], { cwd: folder, env: { DOCKER_CONFIG: join(folder, 'docker'), ...env } });
  const answer = result.json<Answer & Record<string, unknown>>();
  for (const { tags } of answer.images ?? []) for (const tag of tags) references.add(tag);
  return { ...result, answer };
}

const push = (...args: string[]) => artifacts(['push', ...args]);

function byName({ answer }: { readonly answer: Answer }): Record<string, PushedImage> {
  return Object.fromEntries(answer.images.map((image) => [image.name, image]));
}

/** What the registry has under a reference, asked for by another client. */
async function digestAt(reference: string): Promise<string | undefined> {
  const args = ['inspect', '--tls-verify=false', '--creds', `${USER}:${PASSWORD}`, '--format', '{{.Digest}}', `docker://${reference}`];
  return run('skopeo', args).then(({ stdout }) => stdout.trim(), () => undefined);
}

async function idOf(reference: string): Promise<string> {
  return (await docker(['inspect', '--type', 'image', '--format', '{{.Id}}', reference])).trim();
}

const movesNoBlob = () => expect(proxy.requests.filter((line) => line.includes('/blobs/uploads/'))).toEqual([]);

describe('artifacts push', () => {
  test('pushes all, and what is pulled back is the same; a second push moves nothing', async () => {
    const first = await push();
    expect(first).toMatchObject({ status: 0 });
    const images = byName(first);
    expect(Object.keys(images)).toEqual(['base', 'web', 'worker']);
    const revision = (await git('rev-parse', 'HEAD')).slice(0, 12);
    const ids = new Map<string, string>();
    for (const image of Object.values(images)) {
      const tags = [image.key.slice(0, 12), revision, 'main', 'latest'].map((tag) => `${team}/shop-${image.name}:${tag}`);
      expect(image).toMatchObject({ status: 'pushed', tags });
      for (const tag of image.tags) {
        expect(await digestAt(tag)).toBe(image.digest);
        ids.set(tag, await idOf(tag));
      }
    }
    // The base's noise is sent once, and taken over by its children.
    expect(images['base']?.uploadedBytes).toBeGreaterThan(200_000);
    for (const child of ['web', 'worker']) {
      expect(images[child]?.mountedBytes).toBeGreaterThan(200_000);
      expect(images[child]?.uploadedBytes).toBeLessThan(10_000);
    }
    expect(proxy.sent).toBeLessThan(260_000);

    const login = { DOCKER_CONFIG: join(folder, 'docker') };
    await removeImages([...ids.keys()]);
    for (const [tag, id] of ids) {
      await docker(['pull', '-q', tag], login);
      expect(await idOf(tag)).toBe(id);
    }

    proxy.sent = 0;
    const second = await push();
    expect(Object.values(byName(second)).map(({ status, uploadedBytes }) => [status, uploadedBytes])).toEqual([['present', 0], ['present', 0], ['present', 0]]);
    expect(Object.values(byName(second)).map(({ digest }) => digest)).toEqual(Object.values(images).map(({ digest }) => digest));
    expect(proxy.sent).toBe(0);
  });

  test('what the engine built and pushed is taken over by its children; after an edit only that is sent', async () => {
    await writeFiles(folder, { 'images/base/Dockerfile': 'FROM debian:trixie-slim\nCOPY noise /noise\nRUN echo ran > /ran\n' });
    const first = await push();
    expect(first).toMatchObject({ status: 0 });
    const { base, web, worker } = byName(first);
    expect(base?.uploadedBytes).toBeGreaterThan(10_000_000);
    for (const child of [web, worker]) expect(child?.uploadedBytes).toBeLessThan(10_000);
    await writeFiles(folder, { 'images/web/page': 'edited\n' });
    const before = proxy.sent;
    expect(byName(await push())).toMatchObject({ base: { status: 'present' }, web: { status: 'pushed' }, worker: { status: 'present' } });
    expect(proxy.sent - before).toBeLessThan(30_000);
    await removeImages((await docker(['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', `reference=${team}/shop-web`])).split('\n').filter((line) => line !== ''));
    await docker(['--config', join(folder, 'docker'), 'pull', '--quiet', `${team}/shop-web:latest`]);
    expect(await idOf(`${team}/shop-web:latest`)).toMatch(/^sha256:/);
  }, 120_000);

  test('a new revision with unchanged images is a retag in the registry', async () => {
    const before = byName(await push());
    await writeFile(join(folder, 'README.md'), 'in no image\n');
    const revision = await commit('unrelated');
    Object.assign(proxy, { sent: 0 }).requests.length = 0;
    const again = byName(await push());
    for (const image of Object.values(again)) {
      expect(image).toMatchObject({ status: 'retagged', uploadedBytes: 0, digest: before[image.name]?.digest });
      expect(await digestAt(`${team}/shop-${image.name}:${revision}`)).toBe(image.digest);
    }
    movesNoBlob();
  });

  test('what only the registry has is neither pulled nor built: it gets its tags there', async () => {
    const before = byName(await push());
    await removeImages([...references]);
    await writeFile(join(folder, 'README.md'), 'in no image\n');
    // The parent of an image that has to be built is the only one that is needed here.
    await writeFile(join(folder, 'images/worker/job'), `other work for ${team}\n`);
    const revision = await commit('unrelated to base and web');
    Object.assign(proxy, { sent: 0 }).requests.length = 0;
    const web = byName(await push('web'));
    expect(web['web']).toMatchObject({ status: 'retagged', uploadedBytes: 0, digest: before['web']?.digest });
    expect(await digestAt(`${team}/shop-web:${revision}`)).toBe(before['web']?.digest);
    movesNoBlob();
    for (const name of ['base', 'web']) expect(await docker(['images', '-q', `${team}/shop-${name}`])).toBe('');

    const all = byName(await push());
    expect(Object.values(all).map(({ name, status }) => `${name} ${status}`)).toEqual(['base retagged', 'web present', 'worker pushed']);
    expect(await docker(['images', '-q', `${team}/shop-web`])).toBe('');
  });

  test('each branch keeps its own content', async () => {
    const main = byName(await push());
    await git('checkout', '-q', '-b', 'feature/new#page');
    await writeFile(join(folder, 'images/web/page'), `another page of ${team}\n`);
    await commit('page');
    const feature = byName(await push());
    expect(feature['web']?.digest).not.toBe(main['web']?.digest);
    expect(feature['worker']).toMatchObject({ status: 'retagged', digest: main['worker']?.digest });
    const branch = feature['web']?.tags[2] as string;
    expect(await digestAt(branch)).toBe(feature['web']?.digest);
    expect(await digestAt(`${team}/shop-web:main`)).toBe(main['web']?.digest);
    await git('checkout', '-q', 'main');
    const back = byName(await push());
    expect(back['web']).toMatchObject({ status: 'retagged', digest: main['web']?.digest });
    expect(await digestAt(branch)).toBe(feature['web']?.digest);
  });

  test('names choose; --tag and --no-latest hold for the registry too', async () => {
    const result = byName(await push('web', '--tag', 'v1', '--tag', 'stable'));
    expect(Object.keys(result)).toEqual(['web']);
    expect(result['web']?.tags.map((tag) => tag.slice(tag.lastIndexOf(':') + 1)).slice(2)).toEqual(['main', 'v1', 'stable']);
    expect(await digestAt(`${team}/shop-web:latest`)).toBeUndefined();
    expect(await digestAt(`${team}/shop-base:main`)).toBeUndefined();
    expect(await push('wib')).toMatchObject({ status: 1, answer: { problems: [{ reason: 'usage', message: expect.stringContaining('wib') }] } });
  });

  test('an image that can not be built stops no other', async () => {
    await writeFile(join(folder, 'images/worker/Dockerfile'), 'FROM base\nCOPY nothing /job\n');
    const result = await push();
    expect(result.status).toBe(1);
    expect(Object.keys(byName(result)).sort()).toEqual(['base', 'web']);
    expect(result.answer.problems).toHaveLength(1);
    expect(await digestAt(`${team}/shop-web:main`)).toBe(byName(result)['web']?.digest);
    expect(await digestAt(`${team}/shop-worker:main`)).toBeUndefined();
  });

  test('an image that is refused stops no other', async () => {
    proxy.interfere = (request, response) => {
      if (!(request.url ?? '').includes('shop-base') || request.method === 'GET' || request.method === 'HEAD') return false;
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"errors":[{"code":"DENIED","message":"quota of the team is used up"}]}');
      return true;
    };
    const result = await push();
    expect(result.status).toBe(1);
    expect(Object.keys(byName(result)).sort()).toEqual(['web', 'worker']);
    expect(result.answer.problems).toEqual([expect.objectContaining({ reason: 'registry', message: expect.stringMatching(/shop-base.*denies it: quota of the team is used up/) })]);
    expect(result.stderr).toMatch(/error: .*quota of the team is used up\n.*hint: /);
  });

  test('--no-build pushes what is there, from here or from the registry', async () => {
    const missing = await push('--no-build');
    expect(missing).toMatchObject({ status: 1, answer: { images: [] } });
    expect(missing.answer.problems).toHaveLength(3);
    expect(missing.answer.problems?.[0]).toMatchObject({ reason: 'not-found', message: expect.stringContaining('neither on this engine nor in its registry') });
    await artifacts(['images']);
    const pushed = byName(await push('--no-build'));
    expect(Object.values(pushed).map(({ status }) => status)).toEqual(['pushed', 'pushed', 'pushed']);
    await removeImages([...references]);
    const revision = await commit('next');
    const retagged = byName(await push('--no-build', 'worker'));
    expect(retagged['worker']).toMatchObject({ status: 'retagged', digest: pushed['worker']?.digest });
    expect(await digestAt(`${team}/shop-worker:${revision}`)).toBe(pushed['worker']?.digest);
  });

  test('a registry that throttles and breaks connections now and then', async () => {
    const seen = new Set<string>();
    proxy.interfere = (request, response) => {
      const what = `${request.method} ${(request.url ?? '').replace(/[0-9a-f]{8}-[0-9a-f-]+|\?.*/g, '…')}`;
      // The engine has retries of its own, and long pauses between them.
      if (seen.has(what) || request.url === '/v2/' || request.headers['user-agent']?.startsWith('wheelwright') !== true) return false;
      seen.add(what);
      if (seen.size % 4 === 0) request.socket.destroy();
      else if (seen.size % 4 === 1) response.writeHead(429, { 'retry-after': '0' }).end();
      else return false;
      return true;
    };
    const result = await push();
    expect(result).toMatchObject({ status: 0 });
    expect(seen.size).toBeGreaterThan(8);
    proxy.interfere = undefined;
    for (const image of result.answer.images) for (const tag of image.tags) expect(await digestAt(tag)).toBe(image.digest);
  });

  test('Ctrl-C ends it at once; the next run finishes', async () => {
    const stuck: IncomingMessage[] = [];
    // What is small goes up with one PUT.
    proxy.interfere = (request) => (request.method === 'PATCH' || (request.method === 'PUT' && request.url!.includes('/blobs/uploads/'))) && stuck.push(request) > 0;
    const running = await startCli(['push', 'base', '--json'], { cwd: folder, env: { DOCKER_CONFIG: join(folder, 'docker') } });
    while (stuck.length === 0) await sleep(20);
    running.killGroup('SIGINT');
    const result = await running.result;
    expect(result.status).toBe(130);
    expect(result.json<Answer>().problems).toEqual([expect.objectContaining({ reason: 'interrupted' })]);
    proxy.interfere = undefined;
    for (const request of stuck) request.socket.destroy();
    expect(await push('base')).toMatchObject({ status: 0, answer: { images: [{ status: 'pushed' }] } });
  });

  test('without, with wrong and with other credentials', async () => {
    await mkdir(join(folder, 'empty'));
    const env = { DOCKER_CONFIG: join(folder, 'empty') };
    const anonymous = await artifacts(['push', 'base'], env);
    expect(anonymous).toMatchObject({ status: 1, answer: { problems: [{ reason: 'registry', message: expect.stringContaining('asks for credentials') }] } });
    const wrong = await artifacts(['push', 'base'], { ...env, ARTIFACTS_REGISTRY_AUTH: 'dev:not-the-password' });
    expect(wrong.status).toBe(1);
    expect(wrong.stdout + wrong.stderr).not.toContain('not-the-password');
    const right = await artifacts(['push', 'base'], { ...env, ARTIFACTS_REGISTRY_AUTH: `${USER}:${PASSWORD}` });
    expect(right.answer.images).toMatchObject([{ name: 'base', status: 'pushed' }]);
    await writeFile(join(folder, 'empty/config.json'), '{"credsStore":"there-is-none"}');
    expect((await artifacts(['push', 'base'], env)).answer.problems).toEqual([expect.objectContaining({ message: expect.stringContaining('docker-credential-there-is-none is not installed') })]);
  });

  test('no registry, a registry that is not there, offline', async () => {
    expect((await push('--offline')).answer.problems).toEqual(expect.arrayContaining([expect.objectContaining({ reason: 'offline' })]));
    await writeFile(join(folder, 'project.yml'), 'name: shop\nimages:\n  base: { context: images/base }\n');
    expect((await push()).answer.problems).toEqual([expect.objectContaining({ reason: 'config', message: expect.stringContaining('has no registry') })]);
    await writeFile(join(folder, 'project.yml'), 'name: shop\nregistry: 127.0.0.1:1/team\nnetwork: { retries: 0 }\nimages:\n  base: { context: images/base }\n');
    expect((await push()).answer.problems).toEqual([expect.objectContaining({ reason: 'registry', message: expect.stringContaining('127.0.0.1:1 refuses the connection') })]);
  });
});
