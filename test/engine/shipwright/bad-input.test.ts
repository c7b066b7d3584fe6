import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { checkout, type Checkout } from '../../support/checkout.js';
import { runCli, startCli, type CliResult } from '../../support/cli.js';
import { docker } from '../../support/engine-cli.js';
import { engineProxy } from '../../support/engine-proxy.js';
import { startImageRegistry, startRegistryProxy } from '../../support/image-registry.js';
import type { Files } from '../../support/project.js';
import { refused } from './plans.js';

// What is wrong is told with its place and with what to do, and nothing is left half done.

let made: Checkout | undefined;
afterEach(() => made?.close());

const start = async (files: (name: string) => Files): Promise<Checkout> => (made = await checkout(files));
const built = (repo: Checkout): Promise<string> => docker('images', '-q', `${repo.name}/*`);

/** An image that nothing is wrong with. */
const GOOD: Files = { 'good/Dockerfile': 'FROM scratch\nCOPY Dockerfile /\n' };

describe('mistakes end the run before anything is built', () => {
  test.each<[string, (name: string) => Files, object]>([
    ['a cycle', (name) => ({ 'a/Dockerfile': `FROM scratch\nCOPY --from=${name}/b / /\n`, 'b/Dockerfile': `FROM ${name}/a\n` }), { message: 'images that need each other: a → b → a', place: { file: 'a/Dockerfile', line: 2, column: 13 }, related: { place: { file: 'b/Dockerfile', line: 1 } }, advice: expect.any(String) }],
    ['an unknown parent', (name) => ({ 'base/Dockerfile': 'FROM scratch\nCOPY Dockerfile /\n', 'web/Dockerfile': `# web\nFROM ${name}/bsae\n` }), { place: { file: 'web/Dockerfile', line: 2, column: 6 }, advice: expect.stringContaining('base') }],
    ['an unknown instruction', () => ({ 'web/Dockerfile': 'FROM scratch\nCOPPY a /\n' }), { place: { file: 'web/Dockerfile', line: 2, column: 1 }, advice: expect.stringContaining('COPY') }],
    ['a heredoc without an end', () => ({ 'web/Dockerfile': 'FROM scratch\nCOPY <<END /file\ntext\n' }), { place: { file: 'web/Dockerfile', line: 2, column: 1 }, advice: expect.any(String) }],
    ['two of them', () => ({ 'web/Dockerfile': 'FROM scratch\nCOPY --from=nine\n', 'job/Dockerfile': 'COPY a /\n' }), { place: { file: 'web/Dockerfile', line: 2, column: 1 }, advice: expect.any(String) }],
  ])('%s', async (_, files, problem) => {
    const repo = await start((name) => ({ ...GOOD, ...files(name) }));
    const { status, problems } = await refused(repo, 'images', '--offline');
    expect({ status, problems }).toMatchObject({ status: 1, problems: problems.map((one) => (one.place?.file === (problem as { place: { file: string } }).place.file ? problem : {})) });
    expect(problems.map(({ place }) => place?.file)).toContain((problem as { place: { file: string } }).place.file);
    expect(await built(repo)).toBe('');
  });
});

test.each([
  ['COPY of a missing file', 'FROM scratch\nLABEL a=b\nCOPY \\\n  nothing /x\n', { line: 3, column: 1 }, 'nothing'],
  ['a step that fails in the middle', 'FROM debian:trixie-slim\nRUN true\n\nRUN echo done && exit 7\nRUN true\n', { line: 4, column: 1 }, '7'],
])('%s fails its image and what is built from it, and no other', async (_, dockerfile, place, word) => {
  const repo = await start((name) => ({ ...GOOD, 'web/Dockerfile': dockerfile, 'child/Dockerfile': `FROM ${name}/web\nCOPY Dockerfile /\n` }));
  const result = await repo.artifacts('images', '--json');
  expect(result.status).toBe(1);
  expect(result.json()).toMatchObject({ problems: [{ reason: 'build', place: { file: 'web/Dockerfile', ...place }, message: expect.stringContaining(word), advice: expect.any(String) }] });
  expect(result.stderr).toContain('child: skipped (web could not be built)');
  expect((await repo.images(`${repo.name}/good`))[0]).toHaveLength(4);
  for (const name of ['web', 'child']) expect(await docker('images', '-q', `${repo.name}/${name}`)).toBe('');
});

describe('the engine is gone', () => {
  const gone = (result: CliResult): void => {
    expect(result.status).toBe(1);
    expect(result.json()).toMatchObject({ problems: [{ reason: 'engine', message: expect.stringMatching(/engine/i), advice: expect.any(String) }] });
  };

  test('in the middle of a build; the next run builds it', async () => {
    const repo = await start((name) => ({ 'web/Dockerfile': `FROM debian:trixie-slim\nCOPY Dockerfile /${name}\nRUN sleep 2\n` }));
    const proxy = await engineProxy(repo.beside(''));
    const run = await startCli(['images', '--json', '--verbose'], { cwd: repo.root, env: { DOCKER_HOST: proxy.host } });
    await run.shows('RUN sleep 2');
    await proxy.kill();
    gone(await run.result);
    expect(await docker('images', '-q', `${repo.name}/web`)).toBe('');
    expect((await repo.json<{ images: { name: string; status: string }[] }>('images')).images).toContainEqual(expect.objectContaining({ name: 'web', status: 'built' }));
  });

  test('while an image is loaded; the next run loads it', async () => {
    const repo = await start(() => ({ 'web/Dockerfile': 'FROM scratch\nCOPY big /\n', 'web/big': randomBytes(8_000_000) }));
    const proxy = await engineProxy(repo.beside(''));
    const killed = proxy.killDuring(/^POST \/images\/load/, 3_000_000);
    const [result] = await Promise.all([runCli(['images', '--json'], { cwd: repo.root, env: { DOCKER_HOST: proxy.host } }), killed]);
    gone(result);
    expect(await built(repo)).toBe('');
    await repo.json('images');
    expect((await repo.images(`${repo.name}/web`))[0]).toHaveLength(4);
    expect(await repo.artifacts('verify')).toMatchObject({ status: 0 });
  });
});

describe('a registry', () => {
  const pushed = async (misbehave: Parameters<typeof startRegistryProxy>[1], work: (repo: Checkout, result: CliResult, tags: () => Promise<string[]>) => Promise<void>): Promise<void> => {
    const registry = await startImageRegistry();
    const proxy = await startRegistryProxy(registry.host, misbehave);
    try {
      const repo = (made = await checkout((name) => ({ '.shipwright.json': JSON.stringify({ namespace: `${proxy.host}/${name}` }), 'web/Dockerfile': 'FROM scratch\nCOPY big /\n', 'web/big': randomBytes(9_000_000) })));
      const tags = async (): Promise<string[]> => {
        const response = await fetch(`http://${registry.host}/v2/${repo.name}/web/tags/list`);
        return response.ok ? ((await response.json()) as { tags: string[] | null }).tags ?? [] : [];
      };
      await work(repo, await repo.artifacts('push', '--json'), tags);
    } finally {
      await proxy.close();
      await registry.close();
    }
  };

  test('that refuses: no tag of the image is there', () =>
    pushed(
      (request, response) => request.method === 'POST' && (response.writeHead(403, { 'content-type': 'application/json' }).end('{"errors":[{"code":"DENIED","message":"read only"}]}'), true),
      async (_, result, tags) => {
        expect({ status: result.status, ...result.json() }).toMatchObject({ status: 1, problems: [{ reason: 'registry', message: expect.stringContaining('read only'), advice: expect.any(String) }] });
        expect(await tags()).toEqual([]);
      },
    ));

  test('that throttles is waited for, as long as it says', async () => {
    const times: number[] = [];
    await pushed(
      (request, response) => {
        if (request.method !== 'POST' || times.push(performance.now()) > 1) return false;
        response.writeHead(429, { 'retry-after': '1' }).end();
        return true;
      },
      async (_, result, tags) => {
        expect(result.status).toBe(0);
        // Two blobs are begun at once; the first of them comes again.
        expect(times.at(-1)! - times[0]!).toBeGreaterThan(990);
        expect(result.stderr).toMatch(/429|too many requests|slow/i);
        expect(await tags()).toHaveLength(4);
      },
    );
  });

  test('that drops the connection in the middle of uploads: they go on', async () => {
    let broken = 0;
    await pushed(
      (request) => {
        let seen = 0;
        const breaks = (request.method === 'PATCH' || request.method === 'PUT') && broken < 2;
        if (breaks) request.on('data', (chunk: Buffer) => void ((seen += chunk.length) > 2_000_000 && request.socket.destroy() && (broken += 1)));
        return false;
      },
      async (_, result, tags) => {
        expect([result.status, broken]).toEqual([0, expect.any(Number)]);
        expect(broken).toBeGreaterThan(0);
        expect(await tags()).toHaveLength(4);
      },
    );
  });
});
