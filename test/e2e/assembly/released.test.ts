import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { runCli } from '../../support/cli.js';
import { docker, removeProject } from '../../support/engine-cli.js';
import { startImageRegistry, type ImageRegistry } from '../../support/image-registry.js';
import { temporaryFolder } from '../../support/images/project.js';
import { writeFiles } from '../../support/project.js';

const NAME = `e2e-released-${randomBytes(4).toString('hex')}`;
const [FIRST, SECRET, LAST] = ['first', 'secret', 'last'].map((word) => `${word} ${randomBytes(8).toString('hex')}\n`) as [string, string, string];
const IMAGES = ['base', 'run', 'web', 'tool'];
let registry: ImageRegistry;
let dir: string;

beforeAll(async () => {
  registry = await startImageRegistry();
  dir = await temporaryFolder();
  await writeFiles(dir, {
    'project.yml': `name: ${NAME}\nregistry: ${registry.host}\nimages:\n  base: { context: images/base }\n  run: { context: images/run }\n  web: { context: images/web }\n  tool: { context: images/tool }\n`,
    'images/base/Dockerfile': 'FROM debian:trixie-slim\nCOPY . /app/\n',
    ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`images/base/${index}.txt`, `${index}\n`.repeat(200)])),
    'images/web/Dockerfile': 'FROM base\nENV ROLE=web\nCOPY . /web/\n',
    'images/web/page': 'page\n',
    // By the engine's builder.
    'images/run/Dockerfile': 'FROM base\nRUN echo run > /run.txt\n',
    'images/tool/Dockerfile': 'FROM debian:trixie-slim\nCOPY . /tool/\n',
    ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`images/tool/${index}.txt`, `${index}\n`.repeat(200)])),
  });
});
afterAll(async () => {
  await registry.close();
  await removeProject(NAME);
  await rm(dir, { recursive: true, force: true });
});

test('what was overwritten since is in the layers of images for oneself at most, and in none that are pushed', async () => {
  for (const text of [FIRST, SECRET, LAST]) {
    await writeFiles(dir, { 'images/base/3.txt': text, 'images/tool/4.txt': text });
    await runCli(['images'], { cwd: dir });
  }
  // The test tests something: the engine's image has it, below what it shows.
  expect(await docker('history', '--format', '{{.CreatedBy}}', repository('base'))).toMatch(/^COPY \. \/app\/ # buildkit\nCOPY \. \/app\/ # buildkit$/m);

  expect(await Promise.all(IMAGES.map(isExtended))).toEqual([true, true, true, true]);

  // Also without the store that knows how they came about.
  await rm(join(dir, '.artifacts'), { recursive: true });
  await runCli(['push'], { cwd: dir });
  expect(await Promise.all(IMAGES.map(isExtended))).toEqual([false, false, false, false]);
  for (const image of IMAGES) {
    const contents = await pushed(image);
    // Buffers would be printed.
    const having = (text: string): number => contents.filter((tar) => tar.includes(text)).length;
    expect([image, contents.length > 1, having(SECRET), having(FIRST), having(LAST)]).toEqual([image, true, 0, 0, 1]);
    // Here it is the same image.
    const { digest } = await manifestOf(image);
    expect(await docker('image', 'inspect', '--format', '{{.Id}}', repository(image))).toBe(digest);
  }
  const again = await runCli(['push', '--json'], { cwd: dir });
  expect((JSON.parse(again.stdout) as { images: { status: string }[] }).images.map(({ status }) => status)).toEqual(IMAGES.map(() => 'present'));
}, 180_000);

function repository(image: string): string {
  return `${registry.host}/${NAME}-${image}`;
}

async function isExtended(image: string): Promise<boolean> {
  return (await docker('image', 'inspect', '--format', '{{json .Config.Labels}}', repository(image))).includes('"wheelwright.extended"');
}

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** `digest`: of the configuration, which is what the engine of this test calls an image. */
async function manifestOf(image: string): Promise<{ readonly digest: string; readonly layers: Manifest['layers'] }> {
  const answer = await fetch(`http://${registry.host}/v2/${NAME}-${image}/manifests/latest`, { headers: { accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' } });
  const { config, layers } = (await answer.json()) as Manifest;
  return { digest: config.digest, layers };
}

/** The layers' tars, but for the base image's big ones. */
async function pushed(image: string): Promise<readonly Buffer[]> {
  const { layers } = await manifestOf(image);
  const blobs = await Promise.all(layers.map(async ({ digest }) => Buffer.from(await (await fetch(`http://${registry.host}/v2/${NAME}-${image}/blobs/${digest}`)).arrayBuffer())));
  return blobs.map((blob) => gunzipSync(blob));
}
