import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, expect, test } from '@jest/globals';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { tarOf, type PackItem } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import type { Artifact } from '../../../src/artifact/artifact.js';
import { artifactLayers } from '../../../src/layers/artifact-layers.js';
import type { Layer } from '../../../src/layers/layer.js';
import { openLayer } from '../../../src/layers/open-layer.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { docker } from '../../support/images/docker.js';
import { artifact, composed, file, folder, hardlink, keyOf, part, sorted, symlink, type Tree } from '../../unit/layers/trees.js';

const PREFIX = '/opt/venv';
const above = [{ path: 'opt', mode: 0o2711, uid: 12, gid: 34 }];
const store = new MemoryStore();
const images: string[] = [];

afterAll(async () => {
  for (const image of images) await docker(['rmi', '-f', image]);
});

/** An image of these layers, made by `docker load`; its id. */
async function loaded(layers: readonly Layer[]): Promise<string> {
  const common = { mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME };
  const blob = (path: string, content: Buffer): PackItem => ({ entry: { type: 'file', path, ...common, size: content.length }, content });
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) }, history: layers.map(() => ({})) }));
  const name = `${createHash('sha256').update(config).digest('hex')}.json`;
  const tars = await Promise.all(layers.map(async (layer, index) => blob(`${index}.tar`, await buffer(await openLayer(layer, store)))));
  const manifest = Buffer.from(JSON.stringify([{ Config: name, RepoTags: [], Layers: layers.map((_, index) => `${index}.tar`) }]));
  const load = spawn('/usr/bin/docker', ['load', '-q'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [said] = await Promise.all([buffer(load.stdout), pipeline(tarOf([...tars, blob(name, config), blob('manifest.json', manifest)]), load.stdin)]);
  const id = /sha256:[0-9a-f]{64}/.exec(said.toString())?.[0] as string;
  images.push(id);
  return id;
}

/** What a container of the image sees below /opt. */
async function seen(image: string): Promise<Tree> {
  const container = (await docker(['create', image, '/none'])).trim();
  try {
    const tree: Tree = new Map();
    const contents = new Map<string, string>();
    const exported = spawn('/usr/bin/docker', ['export', container], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const { entry, content } of readTar(exported.stdout, { subject: 'export', links: 'keep', special: 'drop' })) {
      if (!`${entry.path}/`.startsWith('opt/')) continue;
      const mode = entry.mode.toString(8);
      if (entry.type === 'file') contents.set(entry.path, (await buffer(content)).toString('latin1'));
      if (entry.type === 'hardlink') contents.set(entry.path, contents.get(entry.target) as string);
      if (entry.type === 'directory') tree.set(entry.path, `folder ${mode} ${entry.uid}:${entry.gid}`);
      else tree.set(entry.path, entry.type === 'symlink' ? `link ${entry.target}` : `${mode} ${contents.get(entry.path) as string}`);
    }
    return tree;
  } finally {
    await docker(['rm', container]);
  }
}

async function version(...pieces: readonly (readonly [name: string | undefined, at: string, items: readonly PackItem[]])[]): Promise<Artifact> {
  // Something that stays, so that the rest is a small change.
  const stays = await part(store, `${PREFIX}/stays`, [file('big', 'x'.repeat(200_000)), folder('private', 0o700)], 'stays 1');
  return artifact([stays, ...(await Promise.all(pieces.map(([name, at, items]) => part(store, `${PREFIX}${at}`, items, name))))], PREFIX);
}

test('a chain of layers is to the engine what the artifact is', async () => {
  const versions = [
    await version(['a 1', '/lib/a', [folder('deep', 0o750), file('deep/x', 'x1'), file('one', '1'), hardlink('two', 'one'), symlink('to', 'deep'), file('turns', 'file')]], ['b 1', '/lib/b', [file('b', 'b'), folder('empty', 0o555)]], [undefined, '', [symlink('lib64', 'lib'), file('lib/a/one', 'overridden')]]),
    // A folder is a file and the reverse, a link is a folder, modes change, what was overridden shows again.
    await version(['a 2', '/lib/a', [file('deep', 'now a file'), file('one', '1'), hardlink('two', 'one'), folder('to', 0o711), file('to/y', 'y'), file('turns/into', 'a folder')]], ['b 1', '/lib/b', [file('b', 'b'), folder('empty', 0o555)]], [undefined, '', [symlink('lib64', 'lib')]]),
    // A package is gone with its folder, another comes.
    await version(['a 2', '/lib/a', [file('deep', 'now a file'), file('one', '1'), hardlink('two', 'one'), folder('to', 0o711), file('to/y', 'y'), file('turns/into', 'a folder')]], ['c 1', '/lib/c/deep', [file('c', 'c', 0o4755)]], [undefined, '', [file('lib64/real', 'folder')]]),
    // And the folders come back.
    await version(['a 3', '/lib/a', [folder('deep', 0o700), file('deep/z', 'z')]], ['b 2', '/lib/b', [file('b', 'b2')]], [undefined, '', [folder('lib', 0o2775), symlink('lib64', 'lib')]]),
  ];
  let most = 0;
  for (const [index, whole] of versions.entries()) {
    const { layers } = await artifactLayers({ key: keyOf(whole), name: 'engine', artifact: whole, above }, { store });
    most = Math.max(most, layers.length);
    const wanted = (await composed(whole, store)).set('opt', 'folder 2711 12:34');
    expect([index, sorted(await seen(await loaded(layers)))]).toEqual([index, sorted(wanted)]);
  }
  expect(most).toBe(4);
}, 120_000);
