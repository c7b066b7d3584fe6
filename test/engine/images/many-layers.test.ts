import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { checkout, type Checkout } from '../../support/checkout.js';
import { docker } from '../../support/engine-cli.js';
import { nodeFiles, nodeProject, npmPackage, type NpmPackage } from '../../support/project.js';
import { startRegistry, type Registry } from '../../support/registry.js';

const MOST = 125;
let registry: Registry;
let repo: Checkout;

beforeAll(async () => {
  registry = await startRegistry();
});
beforeEach(async () => {
  const { 'project.yml': project, ...files } = nodeProject({ registry: registry.npm, packages: packages(), more: '    prefix: /app\nimages:\n  web: { context: images/web, artifacts: [node] }\n' });
  repo = await checkout((name) => ({ ...files, 'project.yml': (project as string).replace('name: shop', `name: ${name}`), '.gitignore': '.artifacts/\n' }));
});
afterEach(() => repo.close());
afterAll(() => registry.close());

/** Each as large as the others, the first in this version. */
function packages(version = '1.0.0'): readonly NpmPackage[] {
  return Array.from({ length: 20 }, (_, index) => {
    const made = npmPackage(`p${index}`, index === 0 ? version : '1.0.0', [{ name: 'package/text.txt', content: `${index}\n`.repeat(5000) }]);
    registry.addNpm(made.name, made.version, made.bytes);
    return made;
  });
}

/** An image of the artifact and so many copies, each of one file. */
function web(copies: number): Record<string, string> {
  const numbers = Array.from({ length: copies }, (_, index) => index);
  return {
    'images/web/Dockerfile': `FROM scratch\n${numbers.map((index) => `COPY f/${index} /f/${index}\n`).join('')}ADD artifacts/node.tar /\nCMD ["/none"]\n`,
    ...Object.fromEntries(numbers.map((index) => [`images/web/f/${index}`, `${index}\n`])),
  };
}

const build = async (): Promise<string> => (await repo.json<{ images: readonly { id: string }[] }>('images', 'web')).images[0]!.id;
const layers = async (image?: string): Promise<number> => (JSON.parse(await docker('image', 'inspect', '--format', '{{json .RootFS.Layers}}', image ?? (await build()))) as string[]).length;

test('an image whose layers on layers would be more than engines take has those that contents alone say', async () => {
  await repo.write(web(1));
  const artifact = (await layers()) - 1;
  // Another version of one package is a layer on those that are there.
  await repo.write(nodeFiles(packages('1.0.1')));
  expect(await layers()).toBe(artifact + 2);

  await repo.write(web(MOST - artifact));
  const image = await build();
  expect(await layers(image)).toBe(MOST);
  await docker('rm', await docker('create', image));
});

test('more copies than engines take layers are told with their number, where the image begins', async () => {
  await repo.write(web(MOST));
  const direct = await repo.artifacts('images', 'web');
  expect(direct.status).toBe(1);
  expect(direct.stderr).toMatch(/image "web": it would have 1[23]\d layers, and engines take 125/);
  expect(direct.stderr).toContain('images/web/Dockerfile:1:1');
});
