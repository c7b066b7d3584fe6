import { expect, test } from '@jest/globals';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readContext } from '../../../src/docker/context.js';
import { readIgnore } from '../../../src/docker/ignore.js';
import { Patterns } from '../../../src/docker/pattern.js';
import { openStatCache } from '../../../src/docker/stat-cache.js';
import { docker } from '../../support/images/docker.js';
import { temporaryFolder, writeTree } from '../../support/images/project.js';

// The engine's own client is the oracle: each case is a COPY . / of a generated tree with a generated ignore file. Clients
// older than 23 take four things otherwise, which the cases leave out or `oldRule` allows for: + ( ) { } ^ in patterns are
// no literals there, `**b` matches whole names only, and `!folder` holds for the folder's content even where nothing had
// taken the folder out. All of these cases, and those left out here, were the same as with client 28.

const NAMES = ['a', 'b', 'ab', 'a.txt', 'b.md', '.a', 'A', 'a+b', 'x(1)', '[x]', 'a b', 'ä', '{a}', 'a$', '^a'];
const LITERALS = ['a', 'b', 'ab', 'a.txt', 'b.md', '.a', 'A', 'a b', 'ä', 'a$', '[x]'];
const PATTERNS = [
  '*', '**', '*/*', '**/*', '*.txt', '**/*.txt', '**/a', 'a/**', 'a/', '/a', './a', 'a/../b', '?', '??', '[ab]', '[^a]', '[a-z]*', '[!a]',
  '\\[x\\]', '\\*', 'a b', 'ä', '.*', '**/.*', '# a', ' a ', '', '!a', '!a/b', '!a*', '!*/a', '!*.md', '!a/**', 'a*', '*a', '*/b', '**/a/**',
  '!a/a/a', '..', '.', '/', 'a//b', '!./b', '! b', 'A', '**/ab/*',
];

let seed = 7;
function random(bound: number): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((seed / 2_147_483_648) * bound);
}

function pick<T>(list: readonly T[]): T {
  return list[random(list.length)]!;
}

function tree(): Record<string, string> {
  const files: Record<string, string> = {};
  for (let count = 0; count < 14; count += 1) {
    const path = Array.from({ length: 1 + random(3) }, () => pick(NAMES)).join('/');
    const taken = Object.keys(files).some((other) => other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`));
    if (!taken) files[path] = 'x';
  }
  return files;
}

const CASES = Array.from({ length: 80 }, (_, index) => ({
  name: `case${index}`,
  files: tree(),
  ignore: Array.from({ length: 1 + random(4) }, () => (random(3) === 0 ? `!${pick(LITERALS)}` : pick(PATTERNS))),
}));

test('ignore rules leave out what the engine leaves out', async () => {
  const root = await temporaryFolder();
  const differences: string[] = [];
  let exact = 0;
  const queue = [...CASES];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const folder = join(root, next.name);
      await mkdir(folder);
      await writeTree(folder, next.files);
      await writeFile(join(folder, '.dockerignore'), [...next.ignore, '.dockerignore', ''].join('\n'));
      const dockerfile = `${folder}.Dockerfile`;
      await writeFile(dockerfile, 'FROM scratch\nCOPY . /\n');
      await docker(['build', '-q', '-f', dockerfile, '-o', `${folder}.out`, folder], { DOCKER_BUILDKIT: '1' });
      const [ours, theirs] = [await listing(folder, dockerfile), await listing(`${folder}.out`, 'none')];
      if (JSON.stringify(ours) === JSON.stringify(theirs)) exact += 1;
      else if (JSON.stringify(filesOf(theirs, next.files)) !== JSON.stringify(oldRule(next))) {
        differences.push(`${JSON.stringify(next.ignore)}\n  ours   ${ours.join(' ')}\n  theirs ${theirs.join(' ')}`);
      }
    }
  };
  await Promise.all([worker(), worker()]);
  await rm(root, { recursive: true });
  expect(differences).toEqual([]);
  expect(exact).toBeGreaterThan(70);
});

async function listing(folder: string, dockerfile: string): Promise<string[]> {
  const { patterns } = readIgnore(folder, dockerfile, (path) => path);
  const entries = await readContext({ root: folder, ignore: patterns, statCache: openStatCache() });
  return entries.map(({ path }) => path);
}

function filesOf(paths: readonly string[], files: Readonly<Record<string, string>>): string[] {
  return paths.filter((path) => path in files).sort();
}

/** Every pattern is tried on the path and on each folder above it. */
function oldRule({ files, ignore }: (typeof CASES)[number]): string[] {
  const rules = ignore.filter((line) => !line.startsWith('#')).map((line) => ({ back: line.trim().startsWith('!'), patterns: new Patterns([line.trim().replace(/^!/, '')]) }));
  return Object.keys(files)
    .filter((path) => !rules.reduce((out, { back, patterns }) => (patterns.matches(path) ? !back : out), false))
    .sort();
}
