import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import * as zlib from 'node:zlib';
import { expect, test } from '@jest/globals';
import { Failed } from '../../../src/core/failure.js';
import { compressedLayer } from '../../../src/layers/compressed.js';
import type { Layer } from '../../../src/layers/layer.js';
import { openLayer } from '../../../src/layers/open-layer.js';
import { storeLayer } from '../../../src/layers/stored-layer.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { contentOf, file, part } from './trees.js';

async function layerIn(store: MemoryStore): Promise<Layer> {
  const one = await part(store, '/opt/venv', [file('a', 'content '.repeat(100_000)), file('b', 'b')]);
  return (await storeLayer({ prefix: '/opt/venv', parts: [one], removed: [] }, store)).layer;
}

test('gzip of the tar, the same bytes in every store, without name and time', async () => {
  const stores = [new MemoryStore(), new MemoryStore()];
  const [one, two] = await Promise.all(stores.map(async (store) => compressedLayer(await layerIn(store), { store, format: 'gzip' })));
  expect(one).toMatchObject({ digest: two?.digest, size: two?.size, diffId: two?.diffId, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' });
  const bytes = await buffer(await one!.open(0));
  expect(bytes.length).toBe(one?.size);
  expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(one?.digest);
  expect(bytes.subarray(3, 8)).toEqual(Buffer.alloc(5));
  expect(zlib.gunzipSync(bytes).equals(await buffer(await openLayer(await layerIn(stores[0]!), stores[0]!)))).toBe(true);
  for (const offset of [1, 1000, bytes.length - 1, bytes.length]) expect((await buffer(await one!.open(offset))).equals(bytes.subarray(offset))).toBe(true);
});

test('made once, also by two at once; the tar is not read for it again', async () => {
  const store = new MemoryStore();
  const layer = await layerIn(store);
  const [one, two] = await Promise.all([compressedLayer(layer, { store, format: 'gzip' }), compressedLayer(layer, { store, format: 'gzip' })]);
  expect(one.digest).toBe(two.digest);
  store.blobs.delete((await contentOf(layer, store)).parts[0]!.piece);
  expect((await compressedLayer(layer, { store, format: 'gzip' })).digest).toBe(one.digest);
});

test('a lost blob is made again; a lost piece fails and leaves no record', async () => {
  const store = new MemoryStore();
  const layer = await layerIn(store);
  const { digest } = await compressedLayer(layer, { store, format: 'gzip' });
  store.blobs.delete(digest.slice('sha256:'.length) as never);
  expect((await compressedLayer(layer, { store, format: 'gzip' })).digest).toBe(digest);
  store.blobs.clear();
  await expect(compressedLayer(layer, { store, format: 'gzip' })).rejects.toThrow('is not in the store');
  await expect(compressedLayer(layer, { store, format: 'gzip' })).rejects.toThrow('is not in the store');
});

test('a layer that is not what its diff id says is a bug, and is not kept', async () => {
  const store = new MemoryStore();
  const layer = { ...(await layerIn(store)), diffId: `sha256:${'0'.repeat(64)}` as const };
  await expect(compressedLayer(layer, { store, format: 'gzip' })).rejects.toThrow('came out as');
  await expect(compressedLayer(layer, { store, format: 'gzip' })).rejects.toThrow('came out as');
});

test('zstd where this Node has it; elsewhere it says so', async () => {
  const store = new MemoryStore();
  const layer = await layerIn(store);
  const made = await compressedLayer(layer, { store, format: 'zstd' }).catch((error: unknown) => error);
  if (!('createZstdCompress' in zlib)) {
    expect(made).toBeInstanceOf(Failed);
    expect((made as Failed).has('unsupported')).toBe(true);
  } else expect(made).toMatchObject({ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' });
});
