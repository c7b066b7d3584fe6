import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { runCli } from '../../support/cli.js';
import { docker, removeProject } from '../../support/engine-cli.js';
import { temporaryFolder } from '../../support/images/project.js';
import { writeFiles } from '../../support/project.js';

const NAME = `e2e-lost-${randomBytes(4).toString('hex')}`;
let dir: string;

interface Built {
  readonly images: readonly { readonly name: string; readonly id: string; readonly status: string }[];
}

beforeAll(async () => {
  dir = await temporaryFolder();
  await writeFiles(dir, {
    'project.yml': `name: ${NAME}\nimages:\n  runtime: { context: images/runtime }\n  deps: { context: images/deps }\n  base: { context: images/base }\n  web: { context: images/web }\n`,
    'images/runtime/Dockerfile': 'FROM debian:trixie-slim\nRUN echo made > /made\n',
    'images/deps/Dockerfile': 'FROM runtime\nCOPY noise /noise\n',
    'images/deps/noise': randomBytes(4 << 20),
    'images/base/Dockerfile': 'FROM deps\nCOPY page /page\n',
    'images/base/page': 'one',
    'images/web/Dockerfile': 'FROM base\nCMD ["cat", "/page"]\n',
  });
});
afterAll(async () => {
  await removeProject(NAME);
  await rm(dir, { recursive: true, force: true });
});

async function images(...args: string[]): Promise<Built['images']> {
  const result = await runCli(['images', '--json', ...args], { cwd: dir });
  expect(result.stderr).not.toMatch(/error/);
  return result.json<Built>().images;
}

const statuses = (built: Built['images']): string => built.map(({ name, status }) => `${name} ${status}`).join(', ');
const idsOf = (built: Built['images']): Record<string, string> => Object.fromEntries(built.map(({ name, id }) => [name, id]));

async function lose(...names: string[]): Promise<void> {
  for (const name of names) {
    const tags = await docker('images', '--format', '{{.Repository}}:{{.Tag}}', `${NAME}-${name}`);
    if (tags !== '') await docker('rmi', '--force', ...tags.split('\n'));
  }
}

test('what the engine loses behind our back is noticed, and comes again as it was', async () => {
  const first = await images();
  expect(statuses(first)).toBe('runtime built, deps built, base built, web built');

  await lose('web');
  const second = await images();
  expect(statuses(second)).toBe('runtime present, deps present, base present, web built');
  expect(idsOf(second)).toEqual(idsOf(first));

  // The parents' tags go; their layers stay with web.
  await lose('deps', 'base');
  expect(idsOf(first)).toMatchObject(idsOf(await images('deps', 'base')));

  await lose('web', 'base', 'deps');
  const third = await images();
  expect(statuses(third)).toBe('runtime present, deps built, base built, web built');
  expect(idsOf(third)).toEqual(idsOf(first));
  expect(await docker('run', '--rm', '--network', 'none', `${NAME}-web:latest`)).toBe('one');
}, 120_000);

test('a changed file on images of which some are gone', async () => {
  await lose('web', 'base', 'deps');
  await writeFiles(dir, { 'images/base/page': 'two' });
  expect(statuses(await images())).toBe('runtime present, deps built, base built, web built');
  expect(await docker('run', '--rm', '--network', 'none', `${NAME}-web:latest`)).toBe('two');
}, 120_000);

test('all of it gone: what only the engine can build is built again, and the rest fits on it', async () => {
  await lose('web', 'base', 'deps', 'runtime');
  expect(statuses(await images())).toBe('runtime built, deps built, base built, web built');
  expect(await docker('run', '--rm', '--network', 'none', `${NAME}-web:latest`)).toBe('two');
}, 120_000);
