import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { readTar } from '../../../src/archive/read-tar.js';
import { tarOf } from '../../../src/archive/pack-tar.js';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import type { ImageId } from '../../../src/core/identity.js';
import type { Engine } from '../../../src/engine/engine.js';
import type { DiffId, Layer } from '../../../src/layers/layer.js';
import { archiveFile, archiveOf } from '../../../src/load/archive-file.js';
import { exportLayers } from '../../../src/load/base-layers.js';
import { containerdId, fullName, ociLayoutEnd } from '../../../src/load/oci-layout.js';
import { graphdriverId } from '../../../src/load/docker-archive.js';
import { readSavedImage } from '../../../src/load/saved-image.js';
import { layersToSend } from '../../../src/load/sending.js';
import { storedLayers } from '../../../src/load/stored-layers.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { loadable } from '../../contract/load/rig.js';

const BASE = `sha256:${'f'.repeat(64)}` as ImageId;
const layer = (letter: string): Layer => ({ diffId: `sha256:${letter.repeat(64)}`, size: 10, content: { kind: 'engine' } });
const letters = (layers: readonly Layer[]) => layers.map(({ diffId }) => diffId[7]).join('');
const stack = (text: string, known = 0) => ({ layers: [...text].map(layer), known });

describe('which layers are sent', () => {
  test.each([
    ['all, where nothing is known', [stack('abc')], 'abc', 'abc'],
    ['none, where all is', [stack('abc', 3)], '', ''],
    ['those above', [stack('abc', 2)], 'c', 'c'],
    ['common ones once', [stack('ab'), stack('abc'), stack('abd')], 'abcd', 'abcd'],
    ['what one image knows all know', [stack('abc', 2), stack('abd')], 'cd', 'cd'],
    ['also of a later image', [stack('abd'), stack('abc', 2)], 'dc', 'dc'],
    ['at another height a graph driver knows a layer not', [stack('ab', 2), stack('b')], 'b', ''],
    ['twice in one image, once in the archive', [stack('aba')], 'ab', 'ab'],
  ])('%s', (_name, stacks, byChain, byLayer) => {
    expect(letters(layersToSend(stacks, 'chain'))).toBe(byChain);
    expect(letters(layersToSend(stacks, 'layer'))).toBe(byLayer);
  });
});

describe('what an archive says', () => {
  const image = loadable([layer('a'), layer('b')], { tags: ['web:1', 'localhost:5000/team/web:2'] });

  test('ids follow from the content alone', () => {
    expect(graphdriverId(image)).toBe(`sha256:${sha256(image.config)}`);
    expect(containerdId(image, new Map())).toBe(containerdId({ ...image, tags: [], known: 2 }, new Map()));
    const gzip = { path: `blobs/sha256/${'c'.repeat(64)}`, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', size: 5 };
    expect(containerdId(image, new Map([[layer('a').diffId, gzip]]))).not.toBe(containerdId(image, new Map()));
  });

  test('an index with an entry for each tag, in full', () => {
    const index = ociLayoutEnd([image, loadable([layer('a')], {})], new Map()).find(({ path }) => path === 'index.json');
    const { manifests } = JSON.parse(String(index!.content)) as { manifests: { digest: string; annotations?: object }[] };
    expect(manifests.map(({ annotations }) => annotations)).toEqual([
      { 'io.containerd.image.name': 'docker.io/library/web:1' }, { 'io.containerd.image.name': 'localhost:5000/team/web:2' }, undefined,
    ]);
    expect(manifests[0]!.digest).toBe(containerdId(image, new Map()));
  });

  test.each([['web', 'docker.io/library/web:latest'], ['team/web:1', 'docker.io/team/web:1'], ['example.org/web:1', 'example.org/web:1']])('%s is %s', (short, full) => {
    expect(fullName(short)).toBe(full);
  });

  test('a tar that others read', async () => {
    const path = `${'long/'.repeat(30)}name`;
    const files = [archiveFile('a', Buffer.from('text')), { path, size: 600, content: () => [Buffer.alloc(500, 'x'), Buffer.alloc(100, 'y')] as unknown as AsyncIterable<Buffer> }, archiveFile('empty', Buffer.alloc(0))];
    const found: string[] = [];
    for await (const { entry, content } of readTar(archiveOf(files), { subject: 'x' })) {
      let size = 0;
      for await (const chunk of content) size += (chunk as Buffer).length;
      found.push(`${entry.path} ${size}`);
    }
    expect(found).toEqual(['a 4', `${path} 600`, 'empty 0']);
  });
});

describe('an engine’s own archive', () => {
  const tars = ['one', 'two'].map((name) => Buffer.alloc(1024, name));
  const diffIds = tars.map((tar) => `sha256:${sha256(tar)}` as DiffId);
  const manifest = (layers: readonly string[]) => file('manifest.json', JSON.stringify([{ Config: 'c.json', RepoTags: null, Layers: layers }]));
  const saving = (items: readonly PackItem[]) => ({ save: async () => tarOf(items) }) as unknown as Engine;

  const legacy = saving([
    file('zz/json', '{}'), file('zz/layer.tar', tars[0]!), file('aa/layer.tar', tars[1]!),
    { entry: { type: 'symlink', path: 'bb/layer.tar', mode: 0o777, uid: 0, gid: 0, mtime: 0, target: '../zz/layer.tar' } },
    manifest(['zz/layer.tar', 'aa/layer.tar', 'bb/layer.tar']),
  ]);
  const gzipped = tars.map((tar) => gzipSync(tar));
  const blob = (bytes: Buffer) => `blobs/sha256/${sha256(bytes)}`;
  const layout = saving([file(blob(Buffer.from('{}')), '{}'), ...gzipped.map((bytes) => file(blob(bytes), bytes)), manifest(gzipped.map(blob))]);

  test('of engines before 25: layers in any order, equal ones as links', async () => {
    const saved = readSavedImage(legacy, BASE);
    const seen: string[] = [];
    let step = await saved.next();
    for (; step.done !== true; step = await saved.next()) seen.push(step.value.path);
    expect([seen, step.value]).toEqual([['zz/layer.tar', 'aa/layer.tar'], ['zz/layer.tar', 'aa/layer.tar', 'zz/layer.tar']]);
  });

  test.each([['before 25', legacy], ['compressed', layout]])('its layers go into the store (%s)', async (_name, engine) => {
    const store = new MemoryStore();
    expect([...(await exportLayers(engine, store, BASE, diffIds))]).toEqual(diffIds.map((diffId) => [diffId, diffId.slice(7)]));
    await expect(exportLayers(engine, store, BASE, [layer('0').diffId])).rejects.toMatchObject({ problems: [{ reason: 'engine' }] });
  });

  test('as what blobs a containerd store has them, asked once', async () => {
    const store = new MemoryStore();
    const found = await storedLayers({ engine: layout, store }, BASE, diffIds);
    expect([...found.values()]).toEqual(gzipped.map((bytes) => ({ path: blob(bytes), size: bytes.length, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' })));
    expect(await storedLayers({ engine: saving([]), store }, BASE, diffIds)).toEqual(found);
    await expect(storedLayers({ engine: layout, store: new MemoryStore() }, BASE, [...diffIds, ...diffIds])).rejects.toMatchObject({ problems: [{ reason: 'engine' }] });
  });

  test.each([['a manifest', (manifest: string) => manifest], ['an index', indexOf]])('no further than its manifest, where the id is that of %s', async (_name, top) => {
    const layers = gzipped.map((bytes) => ({ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', digest: `sha256:${sha256(bytes)}`, size: bytes.length }));
    const text = JSON.stringify({ layers, config: {} });
    const other = JSON.stringify({ layers: [{ mediaType: 'application/vnd.in-toto+json', digest: layers[0]!.digest, size: 1 }] });
    const id = `sha256:${sha256(Buffer.from(top(text)))}` as ImageId;
    const unread: PackItem = { entry: { ...file('blobs/sha256/'.padEnd(77, 'f'), '').entry, size: 50_000_000 } as PackItem['entry'], content: zeros() };
    let read = 0;
    async function* zeros() {
      for (; read < 50_000_000; read += 100_000) yield Buffer.alloc(100_000);
    }
    const engine = saving([...[...new Set([other, text, top(text)])].map((json) => file(blob(Buffer.from(json)), json)), unread]);
    const found = await storedLayers({ engine, store: new MemoryStore() }, id, diffIds);
    expect([...found.values()]).toEqual(gzipped.map((bytes) => ({ path: blob(bytes), size: bytes.length, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' })));
    expect(read).toBeLessThan(5_000_000);
  });

  test.each([['no manifest', []], ['a list of no layers', [file('manifest.json', '[]')]], ['no JSON', [file('manifest.json', '{')]]])('with %s is refused', async (_name, items) => {
    await expect(exportLayers(saving(items), new MemoryStore(), BASE, diffIds)).rejects.toMatchObject({ problems: [{ reason: 'engine' }] });
  });
});

function indexOf(manifest: string): string {
  const entry = (digest: string, os: string) => ({ digest, platform: { os } });
  return JSON.stringify({ manifests: [entry(`sha256:${'0'.repeat(64)}`, 'unknown'), entry(`sha256:${sha256(Buffer.from(manifest))}`, 'linux')] });
}

function file(path: string, content: Buffer | string): PackItem {
  const bytes = Buffer.from(content);
  return { entry: { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0, size: bytes.length }, content: bytes };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
