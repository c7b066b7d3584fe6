import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { checkout, type Checkout } from '../../support/checkout.js';
import { docker } from '../../support/engine-cli.js';
import { numbers } from '../../support/random.js';

let repo: Checkout;

beforeEach(async () => {
  repo = await checkout((name) => ({
    // Something of the parent lies where sources come and go.
    'base/Dockerfile': 'FROM scratch\nCOPY below /app/src/b\nCOPY below /app/src/old\n',
    'base/below/0.txt': 'below\n',
    'web/Dockerfile': `FROM ${name}/base\nENV A=1\nCOPY src /app/src\nCOPY tool /app/bin/\nWORKDIR /app\nCOPY src/a* /srv/\nCMD ["/app"]\n`,
    'web/tool': 'tool\n',
    ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`web/src/${'abc'[index % 3]}/${index}.txt`, `${index}\n`.repeat(100)])),
    '.gitignore': '.artifacts/\n',
  }));
});
afterEach(() => repo.close());

interface Built {
  readonly images: readonly { readonly name: string; readonly id: string }[];
}
const build = async (...args: string[]): Promise<string> => (await repo.json<Built>('images', 'web', ...args)).images.find(({ name }) => name === 'web')!.id;

/** Everything below two folders: type, mode, owner, size, path, what a link leads to, and contents. */
async function files(image: string): Promise<string> {
  const container = await docker('create', image, '/none');
  try {
    const tree = repo.beside('tree');
    const script = 'rm -rf "$2" && mkdir "$2" && docker export "$1" | tar -x -C "$2" && cd "$2" && find app srv -printf "%y %m %U:%G %p %l\\n" | LC_ALL=C sort && find app srv -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum';
    return (await promisify(execFile)('bash', ['-o', 'pipefail', '-ec', script, 'files', container, tree])).stdout;
  } finally {
    await docker('rm', container);
  }
}

const layersOf = async (image: string): Promise<string[]> => JSON.parse(await docker('image', 'inspect', '--format', '{{json .RootFS.Layers}}', image)) as string[];
const historyOf = async (image: string): Promise<string[]> => (await docker('history', '--no-trunc', '--format', '{{.CreatedBy}}', image)).split('\n');

test('sources that change again and again: each image has the files of one built by the engine, and few new layers', async () => {
  const random = numbers(20_261_122);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const src = join(repo.root, 'web', 'src');
  const known = Array.from({ length: 30 }, (_, index) => `${'abc'[index % 3]}/${index}.txt`);
  const mutations: readonly (() => Promise<void>)[] = [
    () => writeFile(join(src, pick(known)), `${random()}\n`.repeat(20)),
    () => writeFile(join(src, pick(known)), `${random()}\n`.repeat(20)),
    () => chmod(join(src, pick(known)), pick([0o600, 0o644, 0o755])),
    async () => {
      const path = pick(['d/1', 'd/e/2', 'a/new', 'z', 'old/x', 'ünï']);
      await rm(join(src, dirname(path)), { recursive: dirname(path) === 'd', force: dirname(path) === 'd' }).catch(() => undefined);
      await mkdir(dirname(join(src, path)), { recursive: true });
      await writeFile(join(src, path), `${random()}`);
      if (!known.includes(path)) known.push(path);
    },
    async () => {
      const path = pick(known);
      known.splice(known.indexOf(path), 1);
      await rm(join(src, path), { force: true, recursive: true });
    },
    async () => {
      const path = pick(['link', 'a/link', 'c/link']);
      await rm(join(src, path), { force: true });
      await symlink(pick(['a', '1.txt', '/nowhere']), join(src, path));
    },
    async () => rm(join(src, pick(['d', 'old', 'link'])), { recursive: true, force: true }),
    async () => rename(join(src, 'c'), join(src, 'moved')).catch(() => rename(join(src, 'moved'), join(src, 'c')).catch(() => undefined)),
  ];
  await build();
  let extended = 0;
  let before = await layersOf(`${repo.name}/web`);
  for (let step = 0; step < 14; step++) {
    for (let count = Math.floor(random() * 3); count >= 0; count--) {
      await pick(mutations)().catch((error: NodeJS.ErrnoException) => {
        if (!['ENOENT', 'EISDIR'].includes(error.code ?? '')) throw error;
      });
    }
    known.splice(0, known.length, ...(await readdir(src, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => relative(src, join(entry.parentPath, entry.name))));
    const image = await build();
    const oracle = await docker('build', '--quiet', '--no-cache', join(repo.root, 'web'));
    expect(await files(image)).toEqual(await files(oracle));
    const layers = await layersOf(image);
    const common = layers.filter((layer, index) => before[index] === layer).length;
    if (common >= before.length - 1 && common < layers.length) extended += 1;
    before = layers;
    const lines = await historyOf(image);
    expect(lines.filter((line) => line.startsWith('CMD'))).toHaveLength(1);
    await docker('rmi', '--force', oracle);
  }
  expect(extended).toBeGreaterThan(5);
}, 300_000);
