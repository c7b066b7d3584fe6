import { Spool, type Kept } from '../archive/spool.js';
import type { RawEntry, TarReader } from '../archive/tar-reader.js';
import { fail } from '../core/failure.js';
import { compare } from '../core/record.js';
import type { Engine } from '../engine/engine.js';
import { memoised } from '../util/memo.js';
import type { SourceEntry, SourceFiles } from './assemble.js';
import { lookContainer, type LookOptions } from './engine-container.js';
import { readEntries, treeOf } from './engine-tree.js';
import { BuilderOnly } from './refusal.js';

const MEMORY = 16 * 1024 * 1024;

/** The files of an image that the engine has, for COPY --from. What is listed is put aside until `close`. */
export function engineFiles(engine: Engine, image: string, options?: LookOptions): SourceFiles & { close(): Promise<void> } {
  const container = lookContainer(engine, image, options);
  const tree = treeOf(container);
  const spool = new Spool({ memory: MEMORY });
  const kept = new Map<string, Kept>();

  const list = memoised(async (path: string): Promise<readonly SourceEntry[] | undefined> => {
    if ((await tree.lstat(path)) === undefined) return undefined;
    return container.read(path, (tar) => readEntries(tar, path, (reader) => listed(path, reader)));
  });

  async function listed(path: string, reader: TarReader): Promise<SourceEntry[]> {
    const entries = new Map<string, SourceEntry>();
    for (let raw = await reader.next(); raw !== undefined; raw = await reader.next()) {
      const at = placeOf(path, raw.name);
      if (raw.extended) throw new BuilderOnly(`COPY of files with extended attributes (/${at})`);
      const entry = raw.type === 'hardlink' ? linked(entries.get(placeOf(path, raw.target)), at) : entryOf(raw, at);
      entries.set(at, entry);
      if (raw.type === 'hardlink') kept.set(at, kept.get(placeOf(path, raw.target))!);
      else if (raw.type === 'file') kept.set(at, await spool.keep(contentOf(reader), raw.size));
    }
    return [...entries.values()].sort((a, b) => compare(a.path, b.path));
  }

  return {
    lstat: async (path) => {
      const node = await tree.lstat(path);
      if (node === undefined) return undefined;
      if (node.type === 'other') throw new BuilderOnly(`COPY of a device or fifo (/${path})`);
      return node.type === 'symlink' ? { ...node, path, mode: 0o777 } : { ...node, path };
    },
    list,
    paths: async () => ((await list('')) ?? []).map(({ path }) => path),
    open: ({ path }) => chunks(spool.read(kept.get(path)!)),
    close: async () => {
      await container.close();
      await spool.close();
    },
  };
}

async function* contentOf(reader: TarReader): AsyncGenerator<Buffer> {
  for (let chunk = await reader.some(); chunk !== undefined; chunk = await reader.some()) yield chunk;
}

async function* chunks(content: Buffer | AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  if (Buffer.isBuffer(content)) yield content;
  else yield* content;
}

/** Names in the tar begin with the last segment of the path that was asked for. */
function placeOf(path: string, name: string): string {
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) fail({ reason: 'engine', message: `the engine's tar of /${path} has a name that leads out of it: ${JSON.stringify(name)}` });
  return path === '' ? segments.join('/') : [path, ...segments.slice(1)].join('/');
}

function linked(target: SourceEntry | undefined, path: string): SourceEntry {
  if (target === undefined) throw new BuilderOnly(`COPY of a hard link (/${path})`);
  return { ...target, path };
}

function entryOf({ type, mode, uid, gid, size, target }: RawEntry, path: string): SourceEntry {
  if (type === 'directory') return { type, path, mode, uid, gid };
  if (type === 'symlink') return { type, path, mode: 0o777, target, uid, gid };
  if (type === 'file') return { type, path, mode, uid, gid, size };
  throw new BuilderOnly(`COPY of a device or fifo (/${path})`);
}
