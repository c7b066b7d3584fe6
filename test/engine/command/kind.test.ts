import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { composeArtifact } from '../../../src/artifact/compose.js';
import type { Context, Planned } from '../../../src/artifact/kind.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { tarDirectory } from '../../../src/archive/tar-directory.js';
import type { Builder } from '../../../src/builders/builder.js';
import { createCommandKind } from '../../../src/command/kind.js';
import type { CommandSpec } from '../../../src/config/project.js';
import type { Failed } from '../../../src/core/failure.js';
import type { RequirementHash } from '../../../src/core/identity.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { BUILDER_KEY, testBuilders } from '../../support/builders.js';
import { commandSpec, placed, writeTree } from '../../support/images/project.js';

let dir: string;
let root: string;
let builder: Builder;
let close: () => Promise<void>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wheelwright-test-'));
  const { builders, folders } = await testBuilders(dir);
  root = folders.root;
  builder = await builders.open(BUILDER_KEY);
  close = () => builders.close();
  await writeTree(root, { 'front/index.js': 'console.log(1);\n', 'front/style.css': 'p {}\n', 'front/now': '→ index.js' });
});
afterAll(async () => {
  await close();
  await rm(dir, { recursive: true, force: true });
});

/** Path below `above` → what is there. */
async function listing(tar: Readable, above: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { entry, content } of readTar(tar, { subject: 'output', links: 'keep' })) {
    if (!entry.path.startsWith(`${above}/`)) continue;
    const path = entry.path.slice(above.length + 1);
    const hash = createHash('sha256');
    for await (const chunk of content) hash.update(chunk as Buffer);
    if (entry.type === 'symlink') found[path] = `→ ${entry.target}`;
    // Both names of a file are it.
    else if (entry.type === 'hardlink') found[path] = found[entry.target.slice(above.length + 1)] as string;
    else found[path] = `${entry.type} ${(entry.mode & 0o777).toString(8)} ${entry.type === 'file' ? hash.digest('hex') : ''}`;
  }
  return found;
}

function rig(more: Partial<CommandSpec>, others: readonly CommandSpec[] = [], artifacts: Partial<Context> = {}) {
  const spec = { ...commandSpec('front', 'builder', ['front/**']), ...more } as CommandSpec;
  const store = new MemoryStore();
  const context = {
    root, store, builderKey: BUILDER_KEY, builder: () => Promise.resolve(builder), env: {}, offline: false, jobs: 2,
    emit: () => undefined, signal: new AbortController().signal, ...artifacts,
  } as unknown as Context;
  const plan = (): Promise<Planned> => createCommandKind(new Map([spec, ...others].map((one) => [one.name, one]))).plan(spec, context);
  return { store, plan, built: async () => (await (await plan()).build()).artifact };
}

/** What a shell makes of the same files in the same builder, without our reading and packing between. */
async function oracle(run: string, output: string): Promise<Record<string, string>> {
  const folder = await builder.scratch('oracle');
  await builder.put(folder, tarDirectory(root, { special: 'skip' }));
  const result = await builder.run({ subject: 'oracle', argv: ['sh', '-c', run], cwd: folder });
  expect(result).toMatchObject({ exitCode: 0 });
  return listing(await builder.take(`${folder}/${output}`), output.split('/').at(-1) as string);
}

const FOLDER = [
  'set -e; mkdir -p build/dist/assets/deep build/dist/empty build/dist/dist', 'cat front/now front/style.css > build/dist/main.js', 'cp main.js.map build/dist/ 2>/dev/null || : > build/dist/main.js.map',
  'head -c 3000000 /dev/zero | tr "\\0" x > build/dist/assets/large', 'printf 1 > build/dist/assets/deep/one; printf 2 > build/dist/dist/two',
  'printf "#!/bin/sh\\n" > build/dist/run; chmod 755 build/dist/run', 'ln -s ../main.js build/dist/assets/main.js', 'ln build/dist/assets/deep/one build/dist/zone',
].join('\n');

test('a folder of files of every sort is what the command left', async () => {
  const { store, built } = rig({ run: FOLDER, output: 'build/dist', prefix: '/srv/front' });

  const found = await listing(composeArtifact(await built(), store), 'srv/front');

  expect(found).toEqual(await oracle(FOLDER, 'build/dist'));
  expect(Object.keys(found).sort()).toEqual(['assets', 'assets/deep', 'assets/deep/one', 'assets/large', 'assets/main.js', 'dist', 'dist/two', 'empty', 'main.js', 'main.js.map', 'run', 'zone']);
});

test('a single file keeps its name', async () => {
  const { store, built } = rig({ run: 'sort front/* > tool; chmod +x tool', output: 'tool', prefix: '/opt/bin' });

  expect(await listing(composeArtifact(await built(), store), 'opt/bin')).toEqual({ tool: expect.stringMatching(/^file 755 /) });
});

test('what it needs lies at its prefix', async () => {
  const first = { ...commandSpec('first', 'builder', ['front/style.css']), run: 'mkdir out; cp front/style.css out/', output: 'out' } as CommandSpec;
  const below = rig(first);
  const artifact = await below.built();
  const { built } = rig({ run: 'mkdir out; cat /opt/first/style.css front/index.js > out/all', output: 'out', needs: [placed('first', 13)] }, [first], {
    store: below.store, neededKey: () => Promise.resolve('c'.repeat(64) as RequirementHash), needed: () => Promise.resolve(artifact),
  });

  const all = createHash('sha256').update('p {}\nconsole.log(1);\n').digest('hex');
  expect(await listing(composeArtifact(await built(), below.store), 'opt/front')).toEqual({ all: `file 644 ${all}` });
});

test.each([
  ['ends badly', { run: 'echo no such thing >&2; exit 3', output: 'out' }, 'the command of "front" ended with status 3: echo no such thing >&2; exit 3'],
  ['leaves nothing', { run: 'true', output: 'out' }, 'the command of "front" left no out'],
])('a command that %s is told with its place', async (_, spec, message) => {
  const { built } = rig(spec);

  const failure = (await built().catch((error: unknown) => error)) as Failed;

  expect(failure.problems).toEqual([expect.objectContaining({ reason: 'command', message, place: expect.objectContaining({ file: 'project.yml', line: 10 }) })]);
});

test('symbolic links are inputs as they are, wherever they lead', async () => {
  await writeTree(root, { 'links/to-folder': '→ ../front', 'links/to-nothing': '→ nothing', 'links/absolute': '→ /opt/x' });
  const { store, plan, built } = rig({ inputs: [placed('links/**', 12), placed('front/now', 12)], run: 'mkdir out; for one in links/* front/*; do echo $one $(readlink $one); done > out/all; test -L links/to-folder', output: 'out' });

  expect((await plan()).record).toMatchObject({ inputs: { 'front/now': 'link:index.js', 'links/absolute': 'link:/opt/x', 'links/to-folder': 'link:../front', 'links/to-nothing': 'link:nothing' } });
  const all = createHash('sha256').update('links/absolute /opt/x\nlinks/to-folder ../front\nlinks/to-nothing nothing\nfront/now index.js\n').digest('hex');
  expect(await listing(composeArtifact(await built(), store), 'opt/front')).toEqual({ all: `file 644 ${all}` });
});

test.each([
  ['an absolute link', 'mkdir out; ln -s /etc/passwd out/secret'],
  ['a link above it', 'mkdir out; ln -s ../../x out/secret'],
])('%s is refused in an output', async (_, run) => {
  await expect(rig({ run, output: 'out' }).built()).rejects.toThrow(/secret/);
});
