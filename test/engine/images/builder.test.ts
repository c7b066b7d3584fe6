import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkout, type Checkout } from '../../support/checkout.js';
import { docker } from '../../support/engine-cli.js';
import type { Files } from '../../support/project.js';
import { refused } from '../shipwright/plans.js';

// `builder:` of an image: what has the compilers is built first, is copied from, and is never shipped.

const PROJECT = (name: string): string => `name: ${name}
images:
  runtime: { context: runtime }
  tools: { context: tools }
  web: { context: web, builder: tools }
`;

const FILES = (name: string): Files => ({
  'project.yml': PROJECT(name),
  'runtime/Dockerfile': `FROM scratch\nCOPY runtime.txt /\n`,
  'runtime/runtime.txt': name,
  'tools/Dockerfile': 'FROM debian:trixie-slim\nRUN echo compiled > /product && echo compiler > /compiler\n',
  // The second use is a stage of its own, as builds with several steps have.
  'web/Dockerfile': 'FROM builder AS build\nRUN cat /product > /finished\nFROM runtime\nCOPY --from=builder /product /product\nCOPY --from=build /finished /finished\n',
});

let repo: Checkout;
beforeAll(async () => {
  repo = await checkout(FILES);
});
afterAll(() => repo.close());

const layersOf = async (name: string): Promise<string[]> => JSON.parse(await docker('image', 'inspect', '-f', '{{json .RootFS.Layers}}', `${repo.name}-${name}:latest`)) as string[];
const plan = async () => (await repo.json<{ plan: { name: string; action: string; reasons: string[] }[] }>('images', '--plan')).plan.map(({ name, action, reasons }) => `${name} ${action} ${reasons.join()}`.trim());

test('it is built first, nothing of it but what is copied is in the image, and a change of it rebuilds the image', async () => {
  const first = await repo.json<{ images: { name: string; status: string }[] }>('images');
  expect(first.images.map(({ name, status }) => `${name} ${status}`).sort()).toEqual(['runtime built', 'tools built', 'web built']);
  const [runtime, tools, web] = await Promise.all(['runtime', 'tools', 'web'].map(layersOf));
  expect(web!.slice(0, runtime!.length)).toEqual(runtime);
  expect(web!.filter((layer) => tools!.includes(layer))).toEqual([]);
  const container = await docker('create', `${repo.name}-web:latest`, '/product');
  const paths = (await docker('export', container, '-o', `${repo.root}/../web.tar`).then(() => tarPaths(`${repo.root}/../web.tar`))).filter((path) => /product|finished|compiler|runtime/.test(path));
  await docker('rm', container);
  expect(paths.sort()).toEqual(['finished', 'product', 'runtime.txt']);
  expect(await plan()).toEqual(['runtime present', 'tools present', 'web present']);

  await repo.write({ 'tools/Dockerfile': 'FROM debian:trixie-slim\nRUN echo compiled again > /product\n' });
  expect(await plan()).toEqual([expect.stringContaining('runtime '), 'tools build its Dockerfile changed', 'web build builder tools changed']);
});

test('its name in the Dockerfile wins over an image of the project that is called builder', async () => {
  await repo.write({ 'project.yml': `${PROJECT(repo.name)}  builder: { context: runtime }\n` });
  const { stdout } = await repo.artifacts('graph', 'web');
  expect(stdout).toContain('web <- runtime, tools\n');
  await repo.write({ 'project.yml': PROJECT(repo.name) });
});

test.each<[string, Files, object]>([
  ['it is started from, through a stage', { 'web/Dockerfile': 'FROM builder AS build\nFROM build\n' }, { place: { file: 'web/Dockerfile', line: 1 }, message: expect.stringContaining('built FROM its builder tools') }],
  ['a parent is started from it', { 'web/Dockerfile': 'FROM runtime\nCOPY --from=builder /product /\n', 'runtime/Dockerfile': 'FROM tools\n' }, { place: { file: 'web/Dockerfile', line: 1 }, related: { place: { file: 'project.yml', line: 5 } } }],
  ['nothing is taken from it', { 'web/Dockerfile': 'FROM runtime\n' }, { place: { file: 'project.yml', line: 5 }, message: expect.stringContaining('takes nothing from `builder`') }],
  ['it is not there', { 'project.yml': 'name: x\nimages:\n  tools: { context: tools }\n  web: { context: web, builder: tool }\n' }, { place: { file: 'project.yml', line: 4 }, advice: 'Did you mean tools?' }],
  ['it is the image itself', { 'project.yml': 'name: x\nimages:\n  web: { context: web, builder: web }\n' }, { place: { file: 'project.yml', line: 3 }, message: 'images.web names itself as its builder' }],
])('an error with its place: %s', async (_, files, problem) => {
  const other = await checkout((name) => ({ ...FILES(name), ...files }));
  try {
    expect(await refused(other, 'images', '--plan')).toMatchObject({ status: 1, problems: [problem] });
  } finally {
    await other.close();
  }
});

async function tarPaths(path: string): Promise<string[]> {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  return (await promisify(execFile)('tar', ['-tf', path])).stdout.trimEnd().split('\n');
}
