import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildPiece } from '../../../src/archive/build-piece.js';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { extractTar } from '../../../src/archive/extract-tar.js';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import type { Artifact, Part } from '../../../src/artifact/artifact.js';
import { artifactEntries, composeArtifact, composedSize } from '../../../src/artifact/compose.js';
import { listPiece, putListing } from '../../../src/artifact/listing.js';
import { Failed } from '../../../src/core/failure.js';
import type { Digest } from '../../../src/core/identity.js';
import { MemoryStore } from '../../../src/store/memory.js';
import { CorruptBlob, MissingBlob } from '../../../src/store/store.js';
import type { Store } from '../../../src/store/store.js';
import { makeTree, sampleTrees, snapshot } from '../archive/trees.js';

const common = { uid: 0, gid: 0, mtime: 0 };
const file = (path: string, text: string, mode = 0o644): PackItem => ({ entry: { type: 'file', path, mode, size: Buffer.byteLength(text), ...common }, content: Buffer.from(text) });
const folder = (path: string, mode = 0o755): PackItem => ({ entry: { type: 'directory', path, mode, ...common } });
const symlink = (path: string, target: string): PackItem => ({ entry: { type: 'symlink', path, mode: 0o777, target, ...common } });
const hardlink = (path: string, target: string): PackItem => ({ entry: { type: 'hardlink', path, mode: 0o644, target, ...common } });

async function part(store: Store, at: string, items: readonly PackItem[], name?: string): Promise<Part> {
  const { digest, size } = await store.writeBlob(await buildPiece(items, { subject: name ?? at }));
  return { at, piece: digest, size, ...(name === undefined ? {} : { package: name }) };
}

function artifact(parts: readonly Part[], prefix = '/opt/venv'): Artifact {
  return { format: 1, kind: 'python', prefix, parts };
}

/** Path → what is there, in the order of the tar. */
async function composed(store: Store, whole: Artifact): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { entry, content } of readTar(composeArtifact(whole, store), { subject: 'artifact', links: 'keep', duplicates: 'refuse' })) {
    const text = (await buffer(content)).toString();
    const mode = entry.mode.toString(8);
    expect(found.has(entry.path)).toBe(false);
    const parent = entry.path.slice(0, entry.path.lastIndexOf('/'));
    if (entry.path !== whole.prefix.slice(1)) expect(found.get(parent)).toMatch(/^folder/);
    found.set(entry.path, entry.type === 'file' ? `${mode} ${text}` : entry.type === 'directory' ? `folder ${mode}` : `${entry.type} ${entry.target}`);
    expect(entry.mtime).toBe(FIXED_TIME);
  }
  return found;
}

const sorted = (found: Map<string, string>): Record<string, string> => Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));

async function failure(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(() => new Error('it did not fail'), (reason: unknown) => reason);
  return error as Error;
}

describe('composeArtifact', () => {
  test('folders once, from the prefix on; later parts over earlier ones', async () => {
    const store = new MemoryStore();
    const parts = [
      await part(store, '/opt/venv', [file('bin/python', 'py', 0o755), folder('lib', 0o700), symlink('lib64', 'lib')]),
      await part(store, '/opt/venv', [file('lib/a.py', 'one'), file('lib/shared.py', 'one'), symlink('bin/x', '../lib/a.py')], 'one 1.0'),
      await part(store, '/opt/venv/lib/deep/down', [file('b.py', 'two')], 'two 2.0'),
      await part(store, '/opt/venv', [file('lib/shared.py', 'three', 0o755), symlink('bin/python', 'python3')], 'three 3.0'),
    ];
    expect(sorted(await composed(store, artifact(parts)))).toEqual({
      'opt/venv': 'folder 755',
      'opt/venv/bin': 'folder 755',
      'opt/venv/bin/python': 'symlink python3',
      'opt/venv/bin/x': 'symlink ../lib/a.py',
      'opt/venv/lib': 'folder 755',
      'opt/venv/lib/a.py': '644 one',
      'opt/venv/lib/deep': 'folder 755',
      'opt/venv/lib/deep/down': 'folder 755',
      'opt/venv/lib/deep/down/b.py': '644 two',
      'opt/venv/lib/shared.py': '755 three',
      'opt/venv/lib64': 'symlink lib',
    });
  });

  test('equal artifacts give equal bytes, with the owner that is asked for', async () => {
    const bytes = await Promise.all([1, 2].map(async () => {
      const store = new MemoryStore();
      const parts = [await part(store, '/app/node_modules/a', [file('index.js', 'a')]), await part(store, '/app/node_modules/b', [file('index.js', 'b')])];
      return buffer(composeArtifact(artifact(parts, '/app'), store, { owner: { uid: 1000, gid: 3_000_000 } }));
    }));
    expect(bytes[0]?.equals(bytes[1] as Buffer)).toBe(true);
    for await (const { entry } of readTar(Readable.from([bytes[0] as Buffer], { objectMode: false }), { subject: 'a' })) expect(entry).toMatchObject({ uid: 1000, gid: 3_000_000 });
  });

  test('hard links point to the rooted path; one whose target was overridden gets the content', async () => {
    const store = new MemoryStore();
    const parts = [
      await part(store, '/opt/venv', [file('a', 'content'), hardlink('b', 'a'), hardlink('c', 'a'), file('x', 'other'), hardlink('y', 'x')]),
      await part(store, '/opt/venv', [file('a', 'new')]),
    ];
    expect(sorted(await composed(store, artifact(parts)))).toEqual({
      'opt/venv': 'folder 755', 'opt/venv/a': '644 new', 'opt/venv/b': '644 content', 'opt/venv/c': 'hardlink opt/venv/b', 'opt/venv/x': '644 other', 'opt/venv/y': 'hardlink opt/venv/x',
    });
  });

  test.each([
    ['file below', [file('x', '1')], [file('x/y', '2')]],
    ['folder below', [file('x/y', '1')], [file('x', '2')]],
    ['link over a folder', [folder('x')], [symlink('x', 'z')]],
    ['folder deep over a link', [symlink('x', 'z')], [file('x/deep/y', '2')]],
  ])('a file over a folder names both packages: %s', async (_, one, two) => {
    const store = new MemoryStore();
    const parts = [await part(store, '/opt/venv', one, 'one 1.0'), await part(store, '/opt/venv', two, 'two 2.0')];
    const error = await failure(buffer(composeArtifact(artifact(parts), store)));
    expect(error).toBeInstanceOf(Failed);
    expect((error as Failed).has('archive')).toBe(true);
    expect(error.message).toContain('one 1.0');
    expect(error.message).toContain('two 2.0');
    expect(error.message).toContain('/opt/venv/x');
  });

  test('an artifact without parts is an empty archive', async () => {
    expect([...(await composed(new MemoryStore(), artifact([])))]).toEqual([]);
  });

  test('a missing and a corrupt piece fail the stream, wherever they come', async () => {
    for (const position of [0, 1, 2, 3, 4, 5]) {
      const store = new MemoryStore();
      const parts = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => part(store, '/opt/venv', [file(`f${n}`, 'x')])));
      const { piece } = parts[position] as Part;
      store.blobs.set(piece, Buffer.alloc(4096, 'corrupt'));
      expect(await failure(buffer(composeArtifact(artifact(parts), store)))).toBeInstanceOf(CorruptBlob);
      store.blobs.delete(piece);
      expect(await failure(buffer(composeArtifact(artifact(parts), store)))).toBeInstanceOf(MissingBlob);
    }
  });

  test('wrong bytes that read well are noticed too: the piece is read to its end', async () => {
    const store = new MemoryStore();
    const good = await part(store, '/opt/venv', [file('f', 'x')]);
    const other = await part(store, '/opt/venv', [file('f', 'y')]);
    const swapped = { ...store, readBlob: async (digest: Digest) => new LateError(await store.readBlobBytes(other.piece), new CorruptBlob(digest, 'x')) };
    expect(await failure(buffer(composeArtifact(artifact([good]), swapped as unknown as Store)))).toBeInstanceOf(CorruptBlob);
  });

  test('a reader that goes away stops it', async () => {
    const store = new MemoryStore();
    const parts = await Promise.all(Array.from({ length: 20 }, (_, n) => part(store, '/opt/venv', [file(`f${n}`, 'x'.repeat(200_000))])));
    for await (const chunk of composeArtifact(artifact(parts), store)) if ((chunk as Buffer).length > 0) break;
  });
});

describe('artifactEntries', () => {
  test('lists what composeArtifact writes, with the part it comes from', async () => {
    const store = new MemoryStore();
    const parts = [await part(store, '/opt/venv/lib', [file('a.py', 'one')], 'one 1.0'), await part(store, '/opt/venv', [file('lib/a.py', 'two!')], 'two 2.0')];
    const listed = [];
    for await (const { entry, part: from } of artifactEntries(artifact(parts), store)) listed.push([entry.path, entry.type === 'file' ? entry.size : undefined, from?.package]);
    expect(listed).toEqual([['opt/venv', undefined, undefined], ['opt/venv/lib', undefined, 'two 2.0'], ['opt/venv/lib/a.py', 4, 'two 2.0']]);
  });
});

describe('composedSize', () => {
  test.each([1, 2, 3])('is the size of what composeArtifact writes, sample %i', async (sample) => {
    const store = new MemoryStore();
    const parts: Part[] = [];
    for (const [index, tree] of sampleTrees(sample * 6).slice(-6).entries()) {
      const items = tree.map(({ path, type, mode, content, target }): PackItem => {
        if (type === 'file') return { entry: { type, path, mode, size: content?.length ?? 0, ...common }, content: content as Buffer };
        return { entry: type === 'directory' ? { type, path, mode, ...common } : { type, path, mode, target: target as string, ...common } };
      });
      parts.push(await part(store, `/opt/venv/tree-${index}`, items, `tree ${index}`));
    }
    parts.push({ ...(parts[0] as Part), at: '/opt/venv/again' }, await part(store, '/opt/venv', [file('a', 'content'), hardlink('b', 'a'), hardlink('c', 'a')]), await part(store, '/opt/venv', [file('a', 'new')]));
    const { length } = await buffer(composeArtifact(artifact(parts), store));
    expect(await composedSize(artifact(parts), store)).toBe(length);
  });

  test('reads each piece only once, ever', async () => {
    const store = new MemoryStore();
    const parts = [await part(store, '/opt/venv', [file('a', 'one')])];
    const size = await composedSize(artifact(parts), store);
    parts.push(await part(store, '/opt/venv', [file('b', 'two')]));
    const read: Digest[] = [];
    const counting = Object.create(store, { readBlob: { value: (digest: Digest) => (read.push(digest), store.readBlob(digest)) } }) as Store;
    expect(await composedSize(artifact(parts), counting)).toBe(size + 1024);
    expect(read).toEqual([parts[1]?.piece]);
  });

  test('a listing that its maker puts is the one that would be read', async () => {
    const [store, other] = [new MemoryStore(), new MemoryStore()];
    const items = [folder('b'), file('b/c', 'text', 0o755), file('b/ünï', ''), symlink('d', 'b/c')];
    const one = await part(store, '/opt/venv', items);
    await part(other, '/opt/venv', items);
    await putListing(one.piece, items.map(({ entry }) => entry), other);
    expect(await listPiece(one, other)).toEqual(await listPiece(one, store));
  });

  test('of an artifact without parts', async () => {
    expect(await composedSize(artifact([]), new MemoryStore())).toBe(1024);
  });
});

describe('against GNU tar: parts extracted one over the other', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'wheelwright-compose-'));
  });
  afterAll(() => {
    execFileSync('chmod', ['-R', 'u+rwX', dir]);
    rmSync(dir, { recursive: true });
  });

  test('the composed tree is the same', async () => {
    const store = new MemoryStore();
    const places = ['/opt/venv', '/opt/venv/lib', '/opt/venv/a-b'];
    const parts: Part[] = [];
    const oracle = join(dir, 'oracle');
    const trees = sampleTrees(16).map((tree) => tree.filter(({ type }) => type === 'file'));
    const files = new Set<string>();
    const folders = new Set<string>();
    for (const [index, tree] of trees.entries()) {
      const at = `${places[index % 3] as string}/tree-${index % 2}`;
      const fitting = tree.filter(({ path }) => {
        const above = path.split('/').map((_, depth, segments) => [at, ...segments.slice(0, depth)].join('/'));
        if (folders.has(`${at}/${path}`) || above.some((folder) => files.has(folder))) return false;
        for (const folder of above) folders.add(folder);
        files.add(`${at}/${path}`);
        return true;
      });
      const items = fitting.map(({ path, mode, content }) => ({ entry: { type: 'file' as const, path, mode, size: content?.length ?? 0, ...common }, content: content as Buffer }));
      parts.push(await part(store, at, items, `tree ${index}`));
      const tar = join(dir, `${index}.tar`);
      await pipeline(await store.readBlob((parts[index] as Part).piece), createWriteStream(tar));
      mkdirSync(join(oracle, at.slice(1)), { recursive: true });
      execFileSync('tar', ['-xpf', tar, '-C', join(oracle, at.slice(1))]);
    }
    const ours = join(dir, 'ours');
    makeTree(ours, []);
    await extractTar(composeArtifact(artifact(parts), store), ours, { subject: 'artifact' });
    expect(snapshot(join(ours, 'opt/venv'))).toEqual(snapshot(join(oracle, 'opt/venv')));
  });
});

/** Gives its bytes, and its error where the end should be. */
class LateError extends Readable {
  #bytes: Buffer | undefined;
  readonly #error: Error;

  constructor(bytes: Buffer, error: Error) {
    super();
    this.#bytes = bytes;
    this.#error = error;
  }

  override _read(): void {
    if (this.#bytes === undefined) this.destroy(this.#error);
    else this.push(this.#bytes);
    this.#bytes = undefined;
  }
}
