import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { engineFiles } from '../../../src/assemble/engine-files.js';
import { engineTree } from '../../../src/assemble/engine-tree.js';
import { contentOf, nodeOf } from '../../support/assemble/file-tree.js';
import { writeArchive, readArchive } from '../../support/assemble/image-archive.js';
import { openLaboratory, type Laboratory } from '../../support/assemble/laboratory.js';
import { assembleAll, dockerfileOf } from '../../support/assemble/build-both.js';
import { file, folder } from '../../support/assemble/node.js';

let laboratory: Laboratory;
beforeAll(async () => {
  laboratory = await openLaboratory();
});
afterAll(() => laboratory.close());

const LABEL = 'wheelwright.test.look=1';

test('a tree tells of an image what its layers say, and leaves no container', async () => {
  const { engine, parents } = laboratory;
  const { reference, files } = parents.get('odd')!;
  const tree = engineTree(engine, reference, { labels: { 'wheelwright.test.look': '1' } });
  try {
    for (const [path, item] of files!) expect([path, await tree.lstat(path)]).toEqual([path, nodeOf(item)]);
    // Behind a link, behind a file, and nowhere.
    for (const path of ['rel/file', 'real/file/x', 'missing', 'missing/x', '.dockerenv']) expect(await tree.lstat(path)).toBeUndefined();
    expect((await tree.readFile('etc/passwd'))?.toString()).toContain('app:x:1000:1001');
    expect(await tree.readFile('real')).toBeUndefined();
    expect(await engine.containers([LABEL])).toHaveLength(1);
  } finally {
    await tree.close();
  }
  expect(await engine.containers([LABEL])).toEqual([]);
});

test('a tree of which nothing is asked makes no container', async () => {
  const tree = engineTree(laboratory.engine, 'no/such:image');
  await tree.close();
});

test('the files of an image are listed and read', async () => {
  const { engine, parents } = laboratory;
  const { reference, files } = parents.get('odd')!;
  const source = engineFiles(engine, reference);
  try {
    const listed = await source.list('full');
    expect(listed!.map(({ path }) => path)).toEqual([...files!.keys()].filter((path) => path === 'full' || path.startsWith('full/')).sort());
    const entry = listed!.find(({ path }) => path === 'full/sub/x')!;
    expect(entry).toMatchObject({ type: 'file', size: 1, uid: 0 });
    expect(await buffer(Readable.from(source.open(entry)))).toEqual(contentOf(files!.get('full/sub/x')!));
    expect(await source.list('missing')).toBeUndefined();
    const all = await source.list('');
    for (const path of files!.keys()) expect(all!.some((one) => one.path === path)).toBe(true);
  } finally {
    await source.close();
  }
});

test('an engine loads what is assembled, names it by its configuration, and shows the same files', async () => {
  const { engine, parents } = laboratory;
  const one = { name: 'loaded', parent: 'debian', text: 'WORKDIR /srv/app\nCOPY --chown=www-data dir ./\nCOPY a.txt /bin/tool\nADD a.txt /lib/new/', context: [file('a.txt', 'A'), folder('dir', 0o750), file('dir/one', '1')] } as const;
  const ours = await assembleAll(one, dockerfileOf(one, parents), parents);
  if (ours.kind !== 'built') throw new Error(ours.message);
  const [base] = await readArchive(await engine.save([parents.get('debian')!.reference]));
  const config = Buffer.from(JSON.stringify(ours.config));
  const loaded = await engine.load(Readable.from([await writeArchive([{ config, layers: [...base!.layers, ...ours.layers], tags: ['wheelwright-assemble-test/loaded:1'] }])]));
  expect(loaded).toHaveLength(1);
  const tree = engineTree(engine, 'wheelwright-assemble-test/loaded:1');
  try {
    expect(await tree.lstat('srv/app')).toEqual({ type: 'directory', mode: 0o755, uid: 0, gid: 0 });
    expect(await tree.lstat('srv/app/one')).toEqual({ type: 'file', mode: 0o644, uid: 33, gid: 33, size: 1 });
    expect(await tree.lstat('usr/bin/tool')).toMatchObject({ type: 'file', size: 1 });
    expect(await tree.lstat('bin')).toMatchObject({ type: 'symlink' });
    expect(await tree.lstat('usr/lib/new/a.txt')).toMatchObject({ type: 'file' });
  } finally {
    await tree.close();
    await engine.removeImage('wheelwright-assemble-test/loaded:1');
  }
});
