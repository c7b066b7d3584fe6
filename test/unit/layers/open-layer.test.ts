import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { readTar } from '../../../src/archive/read-tar.js';
import type { DiffId, Layer, LayerPart, PiecesContent } from '../../../src/layers/layer.js';
import { composeLayer } from '../../../src/layers/compose-layer.js';
import { openLayer } from '../../../src/layers/open-layer.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { CorruptBlob, MissingBlob } from '../../../src/store/store.js';
import { file, folder, hardlink, part, symlink } from './trees.js';

const content = (parts: readonly LayerPart[], more: Partial<PiecesContent> = {}): PiecesContent => ({ prefix: '/opt/venv', parts, removed: [], ...more });

async function entriesOf(tar: Readable): Promise<string[]> {
  const found: string[] = [];
  for await (const { entry, content: bytes } of readTar(tar, { subject: 'layer', links: 'keep', duplicates: 'refuse' })) {
    const text = (await buffer(bytes)).toString();
    found.push(`${entry.path} ${entry.type === 'directory' ? entry.mode.toString(8) : entry.type === 'hardlink' ? `= ${entry.target}` : text}`);
  }
  return found;
}

async function failure(tar: Readable): Promise<unknown> {
  return buffer(tar).then(() => undefined, (error: unknown) => error);
}

describe('a layer of pieces', () => {
  test('folders above the prefix, whiteouts with their folders, then all else in the order of a walk', async () => {
    const store = new MemoryStore();
    const parts = [await part(store, '/opt/venv/lib', [folder('sub', 0o700), file('sub/a', 'A')]), await part(store, '/opt/venv', [file('lib/sub/b', 'B'), file('bin/x', 'X'), file('c', 'C')])];
    const { folders, removed } = { folders: [['opt/venv/lib/sub', 0o750]] as const, removed: ['opt/venv/lib/old', 'opt/venv/share/gone'] };
    const layer = content([parts[0]!, { ...parts[1]!, only: ['bin/x', 'lib/sub/b'] }], { folders, removed, above: [{ path: 'opt', mode: 0o711, uid: 3, gid: 4 }] });
    expect(await entriesOf(composeLayer(layer, store))).toEqual([
      'opt 711', 'opt/venv 755', 'opt/venv/lib 755', 'opt/venv/lib/.wh.old ', 'opt/venv/share 755', 'opt/venv/share/.wh.gone ',
      'opt/venv/bin 755', 'opt/venv/bin/x X', 'opt/venv/lib/sub 750', 'opt/venv/lib/sub/a A', 'opt/venv/lib/sub/b B',
    ]);
  });

  test('parts that lie in and beside one another, read in chunks of any size, come in the order of a walk', async () => {
    const store = new MemoryStore();
    const parts = await Promise.all([
      part(store, '/opt/venv', [file('a-b/x', '1'), file('a.js', '2'), file('z', '3'), folder('m'), file(`m/${'long/'.repeat(40)}name`, '4')]),
      part(store, '/opt/venv', [file('a/b', '5'), file('b/\u{10000}', '6'), file('b/\uffee', '7'), symlink('m/link', '../z')]),
      part(store, '/opt/venv/a', [file('c', '8'.repeat(3_000_000)), folder('node_modules/q')]),
      part(store, '/opt/venv/a/node_modules/q', [file('index.js', '9'), hardlink('zz', 'index.js')]),
    ]);
    const found = (await entriesOf(composeLayer(content(parts, { folders: [['opt/venv/m', 0o700], ['opt/venv/n', 0o711]] }), store))).map((line) => line.split(' ')[0]!);
    const walked = [...found].sort((one, other) => Buffer.compare(Buffer.from(one.replaceAll('/', '\0')), Buffer.from(other.replaceAll('/', '\0'))));
    expect(found).toEqual(walked);
    expect(found).toContain('opt/venv/a/node_modules/q/zz');
    expect(found).toHaveLength(60);
  });

  test('large parts that take turns are read again from where they were', async () => {
    const store = new MemoryStore();
    const large = (letter: string) => file(letter, letter.repeat(1_500_000));
    const parts = await Promise.all([[large('a'), large('d'), file('g', '1')], [large('b'), large('e')], [file('c', '2'), large('f')]].map((items) => part(store, '/opt/venv', items)));
    let opened = 0;
    const counted = Object.assign(Object.create(store) as MemoryStore, { readBlob: (digest: Parameters<MemoryStore['readBlob']>[0]) => ((opened += 1), store.readBlob(digest)) });
    const found = await entriesOf(composeLayer(content(parts), counted));
    expect(found.map((line) => [line.length, line.at(-1)])).toEqual([
      [7, '5'], [12, '5'], [1_500_011, 'a'], [1_500_011, 'b'], [12, '2'], [1_500_011, 'd'], [1_500_011, 'e'], [1_500_011, 'f'], [12, '1'],
    ]);
    expect(opened).toBeGreaterThan(3);
  });

  test("a package can't remove what is in other layers, by the name of a file, of a folder, or of its place", async () => {
    const store = new MemoryStore();
    const bad = [
      await part(store, '/opt/venv/lib', [file('.wh.certifi', '')]),
      await part(store, '/opt/venv/lib', [file('a/.wh..wh..opq', '')]),
      await part(store, '/opt/venv/lib', [folder('.wh.x', 0o755)]),
      await part(store, '/opt/venv/node_modules/.wh..wh..opq', [file('package.json', '')]),
    ];
    for (const one of bad) expect(await failure(composeLayer(content([one]), store))).toMatchObject({ message: expect.stringMatching(/mark of removal/) });
    expect(await entriesOf(composeLayer(content([await part(store, '/opt/venv', [file('a.wh.b', 'x')])]), store))).toContain('opt/venv/a.wh.b x');
  });

  test('hard links whose file is not in the layer bring its content, once', async () => {
    const store = new MemoryStore();
    const one = await part(store, '/opt/venv', [file('a', 'content'), hardlink('b', 'a'), hardlink('c', 'a'), file('x', 'other'), hardlink('y', 'x')]);
    expect(await entriesOf(composeLayer(content([{ ...one, only: ['b', 'c', 'x', 'y'] }]), store))).toEqual([
      'opt 755', 'opt/venv 755', 'opt/venv/x other', 'opt/venv/y = opt/venv/x', 'opt/venv/b content', 'opt/venv/c = opt/venv/b',
    ]);
  });

  test('big pieces come in chunks, and long names in pax headers', async () => {
    const store = new MemoryStore();
    const long = `${'deep/'.repeat(60)}file`;
    const big = await part(store, '/opt/venv', [file('big', 'x'.repeat(3_000_000)), file(long, 'long'), file('ünï', 'u')]);
    const found = await entriesOf(composeLayer(content([big]), store));
    expect(found).toContain(`opt/venv/${long} long`);
    expect(found).toContain('opt/venv/ünï u');
    expect(found.find((line) => line.startsWith('opt/venv/big'))).toHaveLength(3_000_000 + 'opt/venv/big '.length);
  });

  test('a missing or corrupt piece fails the stream, and wrong bytes are what is told', async () => {
    for (const size of [10, 2_000_000]) {
      const store = new MemoryStore();
      const parts = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((index) => part(store, '/opt/venv', [file(`f${index}`, `${index}`.repeat(size))])));
      for (const { piece } of parts) {
        const bytes = store.blobs.get(piece) as Buffer;
        store.blobs.set(piece, Buffer.alloc(4096, 'corrupt'));
        expect(await failure(composeLayer(content(parts), store))).toBeInstanceOf(CorruptBlob);
        store.blobs.delete(piece);
        expect(await failure(composeLayer(content(parts), store))).toBeInstanceOf(MissingBlob);
        store.blobs.set(piece, bytes);
      }
    }
  });

  test('wrong bytes that no tar has are told as what they are, where the store knows only at their end', async () => {
    const store = new MemoryStore();
    const one = { ...(await part(store, '/opt/venv', [file('f', 'x')])), size: 2_000_000 };
    const late = Object.assign(Object.create(store) as MemoryStore, {
      readBlob: async () => Readable.from((function* () {
        yield Buffer.alloc(4096, 'corrupt');
        throw new CorruptBlob(one.piece, 'x');
      })(), { objectMode: false }),
    });
    expect(await failure(composeLayer(content([one]), late))).toBeInstanceOf(CorruptBlob);
  });

  test('a reader that goes away stops it', async () => {
    const store = new MemoryStore();
    const parts = await Promise.all(Array.from({ length: 20 }, (_, n) => part(store, '/opt/venv', [file(`f${n}`, 'x'.repeat(200_000))])));
    for await (const chunk of composeLayer(content(parts), store)) if ((chunk as Buffer).length > 0) break;
  });
});

test('a blob is read from the store; layers of the engine can\'t be', async () => {
  const store = new MemoryStore();
  const { digest, size } = await store.writeBlob(Buffer.from('tar'));
  const layer: Layer = { diffId: `sha256:${digest}`, size, content: { kind: 'blob', blob: digest } };
  expect((await buffer(await openLayer(layer, store))).toString()).toBe('tar');
  await expect(openLayer({ diffId: 'sha256:x' as DiffId, size: -1, content: { kind: 'engine' } }, store)).rejects.toThrow('only the engine has');
});
