import { Readable } from 'node:stream';
import { FIXED_TIME, type Entry } from '../archive/entry.js';
import type { PackItem } from '../archive/pack-tar.js';
import type { TarItem } from '../archive/read-tar.js';
import type { Kept, Spool } from '../archive/spool.js';
import { comparePaths } from '../archive/paths.js';
import { compare } from '../core/record.js';
import { isObject, isStrings } from './manifest.js';

export interface UnpackOptions {
  /** `lodash 4.17.21`, for messages. */
  readonly subject: string;
  /** Files that commands point to; made executable, as npm does when it links them. */
  readonly bins: ReadonlySet<string>;
}

/** A package as npm would lay it out, ready to be written as a piece. */
export interface Unpacked {
  /** Sorted by path, folders included. A chunk of a content is done with when the next one, of any, is asked for. */
  readonly items: readonly PackItem[];
  /** Which of the wanted `bins` are there. */
  readonly bins: readonly string[];
  /** Has a binding.gyp and no install script of its own: npm runs `node-gyp rebuild` for it. */
  readonly gyp: boolean;
  /** Packages that came inside: `node_modules/b`. */
  readonly bundled: readonly string[];
  /** `libc` of its package.json, as a list. */
  readonly libc: readonly string[];
  /** Frees what was put aside; the items' contents are gone then. */
  close(): Promise<void>;
}

/** Bytes of the unpacked tar up to which a package is unpacked in memory. */
const SMALL = 4 * 1024 ** 2;
/** Bytes of contents of a bigger one that stay in memory; the rest waits in a file for its turn in the piece. */
const MEMORY = 1024 ** 2;

/** Bytes of memory, roughly, that unpacking takes: for a big package those that are on the way until they are collected. */
export function unpackingBytes(tarball: Readable | Buffer): number {
  const size = Buffer.isBuffer(tarball) && tarball.length >= 4 ? tarball.readUInt32LE(tarball.length - 4) : Infinity;
  return size < SMALL ? size : 3 * SMALL;
}

/** No npm package comes near this; what does is an attack. */
const MAX_BYTES = 4 * 1024 ** 3;

/**
 * Reads a package's tarball by the rules of pacote, which npm installs with: the first path segment goes whatever its
 * name; links and empty folders are left out; a .gitignore becomes .npmignore unless there was one before it; files get
 * at least 0644 and keep their x bits, folders get 0755. What npm skips with a warning (`..`, absolute names, devices,
 * links that leave the package) is refused with reason `archive`.
 */
export async function unpackPackage(tarball: Readable | Buffer, options: UnpackOptions): Promise<Unpacked> {
  const [{ readTar }, { gunzipSmall }, { Spool }] = await Promise.all([import('../archive/read-tar.js'), import('../archive/decompress.js'), import('../archive/spool.js')]);
  const whole = Buffer.isBuffer(tarball) ? await gunzipSmall(tarball, SMALL) : undefined;
  const source = whole ?? tarball;
  const tar = Buffer.isBuffer(source) ? Readable.from([source], { objectMode: false }) : source;
  const spool = new Spool({ memory: MEMORY });
  const small = whole !== undefined;
  try {
    const files = new Map<string, File>();
    const folders = new Set<string>();
    let manifest: Buffer | undefined;
    for await (const item of readTar(tar, { subject: options.subject, strip: 1, links: 'check', limits: { bytes: MAX_BYTES } })) {
      const { entry } = item;
      if (entry.type !== 'file') continue;
      const path = npmPath(entry.path, files);
      if (path === undefined) continue;
      addFolders(folders, path);
      const bin = options.bins.has(path);
      const mode = bin ? 0o755 : fileMode(entry.mode);
      if (!small && path !== 'package.json') {
        files.set(path, { mode, ...(await (bin ? keepCommand : keep)(item, entry.size, spool)) });
        continue;
      }
      const bytes = await item.bytes();
      if (path === 'package.json') manifest = bytes;
      const content = bin ? joined(withoutCr(bytes)) : bytes;
      files.set(path, { mode, size: content.length, kept: { bytes: content } });
    }
    const bins = [...options.bins].filter((bin) => files.has(bin)).sort(compare);
    const said = { gyp: files.has('binding.gyp') && needsGyp(manifest), bundled: bundledIn(files), libc: libcOf(manifest) };
    return { items: sortedItems(files, { folders, spool, ...(small ? {} : { scratch: Buffer.allocUnsafeSlow(PART) }) }), bins, ...said, close: () => spool.close() };
  } catch (error) {
    await spool.close();
    throw error;
  }
}

interface File {
  readonly mode: number;
  readonly size: number;
  readonly kept: Kept;
}

/** npm's own packing treats .gitignore as .npmignore, and its unpacking makes it one. */
function npmPath(path: string, files: ReadonlyMap<string, unknown>): string | undefined {
  if (path !== '.gitignore' && !path.endsWith('/.gitignore')) return path;
  const renamed = path.replace(/\.gitignore$/, '.npmignore');
  return files.has(renamed) ? undefined : renamed;
}

function addFolders(folders: Set<string>, path: string): void {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const folder = path.slice(0, end);
    if (folders.has(folder)) return;
    folders.add(folder);
  }
}

/** Readable and writable for all but for the umask of 022, x bits as they are; set-user-ID and the like are dropped. */
function fileMode(mode: number): number {
  return ((mode & 0o777) | 0o666) & ~0o022;
}

/** Contents up to this are read without a stream. */
const PART = 256 * 1024;

async function keep(item: TarItem, size: number, spool: Spool): Promise<Omit<File, 'mode'>> {
  // A copy, since it may be a small part of a big buffer.
  return { size, kept: await spool.keep(size > PART ? item.content : Buffer.from(await item.bytes()), size) };
}

async function keepCommand(item: TarItem, size: number, spool: Spool): Promise<Omit<File, 'mode'>> {
  const rest = item.content[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < Math.min(size, LINE)) head = Buffer.concat([head, ((await rest.next()) as IteratorYieldResult<Buffer>).value]);
  const start = joined(withoutCr(head));
  const corrected = size - (head.length - start.length);
  return { size: corrected, kept: await spool.keep(prefixed(start, rest), corrected) };
}

/** What of a file may be its first line. */
const LINE = 2048;

/** A first line that ends in CRLF would name an interpreter that ends in CR; npm corrects it in what it links. */
function withoutCr(content: Buffer): readonly Buffer[] {
  const end = content.subarray(0, LINE).indexOf('\n');
  if (end < 3 || content[0] !== 0x23 || content[1] !== 0x21 || content[end - 1] !== 0x0d) return [content];
  return [content.subarray(0, end - 1), content.subarray(end)];
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

async function* prefixed(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield start;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

function sortedItems(files: ReadonlyMap<string, File>, { folders, spool, scratch }: { readonly folders: ReadonlySet<string>; readonly spool: Spool; readonly scratch?: Buffer }): readonly PackItem[] {
  const common = { uid: 0, gid: 0, mtime: FIXED_TIME };
  const items: PackItem[] = [];
  for (const path of [...folders, ...files.keys()].sort(comparePaths)) {
    const file = files.get(path);
    const entry: Entry = file
      ? { type: 'file', path, mode: file.mode, size: file.size, ...common }
      : { type: 'directory', path, mode: 0o755, ...common };
    items.push(file ? { entry, content: spool.read(file.kept, scratch) } : { entry });
  }
  return items;
}

function needsGyp(manifest: Buffer | undefined): boolean {
  const found = parsed(manifest);
  if (found === undefined) return false;
  const { gypfile, scripts } = found as { gypfile?: unknown; scripts?: Record<string, unknown> };
  return gypfile !== false && !scripts?.['install'] && !scripts?.['preinstall'];
}

/** Few say it, so few are parsed for it. */
function libcOf(manifest: Buffer | undefined): readonly string[] {
  const libc = manifest?.includes('"libc"') ? parsed(manifest)?.['libc'] : undefined;
  return typeof libc === 'string' ? [libc] : isStrings(libc) ? libc : [];
}

/** The package's own package.json; undefined for what is not the JSON of an object. */
function parsed(manifest: Buffer | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const found: unknown = JSON.parse(manifest?.toString('utf8') ?? '{}');
    return isObject(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function bundledIn(files: ReadonlyMap<string, unknown>): readonly string[] {
  const found: string[] = [];
  for (const path of files.keys()) {
    const match = /^(node_modules\/.+)\/package\.json$/.exec(path);
    if (match && /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/.test(match[1] as string)) found.push(match[1] as string);
  }
  return found.sort(compare);
}
