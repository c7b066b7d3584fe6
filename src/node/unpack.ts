import type { Readable } from 'node:stream';
import { FIXED_TIME, type Entry } from '../archive/entry.js';
import type { PackItem } from '../archive/pack-tar.js';
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
  /** Sorted by path, folders included. */
  readonly items: readonly PackItem[];
  /** Which of the wanted `bins` are there. */
  readonly bins: readonly string[];
  /** Has a binding.gyp and no install script of its own: npm runs `node-gyp rebuild` for it. */
  readonly gyp: boolean;
  /** Packages that came inside: `node_modules/b`. */
  readonly bundled: readonly string[];
  /** `libc` of its package.json, as a list. */
  readonly libc: readonly string[];
}

/** No npm package comes near this; what does is an attack. */
const MAX_BYTES = 4 * 1024 ** 3;

/**
 * Reads a package's tarball by the rules of pacote, which npm installs with: the first path segment goes whatever its
 * name; links and empty folders are left out; a .gitignore becomes .npmignore unless there was one before it; files get
 * at least 0644 and keep their x bits, folders get 0755. What npm skips with a warning (`..`, absolute names, devices,
 * links that leave the package) is refused with reason `archive`.
 */
export async function unpackPackage(tarball: Readable, options: UnpackOptions): Promise<Unpacked> {
  const { readTar } = await import('../archive/read-tar.js');
  const files = new Map<string, { readonly mode: number; content: Buffer }>();
  const folders = new Set<string>();
  for await (const { entry, content } of readTar(tarball, { subject: options.subject, strip: 1, links: 'check', limits: { bytes: MAX_BYTES } })) {
    if (entry.type !== 'file') continue;
    const path = npmPath(entry.path, files);
    if (path === undefined) continue;
    addFolders(folders, path);
    files.set(path, { mode: fileMode(entry.mode), content: await bytes(content, entry.size) });
  }
  const bins = [...options.bins].filter((bin) => files.has(bin)).sort(compare);
  for (const bin of bins) {
    const { content } = files.get(bin) as { content: Buffer };
    files.set(bin, { mode: 0o755, content: unixHashbang(content) });
  }
  return { items: sortedItems(files, folders), bins, gyp: needsGyp(files), bundled: bundledIn(files), libc: libcOf(files) };
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

async function bytes(content: Readable, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk as Buffer);
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
}

/** A first line that ends in CRLF would name an interpreter that ends in CR; npm corrects it in what it links. */
function unixHashbang(content: Buffer): Buffer {
  const end = content.subarray(0, 2048).indexOf('\n');
  if (end < 3 || content[0] !== 0x23 || content[1] !== 0x21 || content[end - 1] !== 0x0d) return content;
  return Buffer.concat([content.subarray(0, end - 1), content.subarray(end)]);
}

function sortedItems(files: ReadonlyMap<string, { readonly mode: number; readonly content: Buffer }>, folders: ReadonlySet<string>): readonly PackItem[] {
  const common = { uid: 0, gid: 0, mtime: FIXED_TIME };
  const items: PackItem[] = [];
  for (const path of [...folders, ...files.keys()].sort(compare)) {
    const file = files.get(path);
    const entry: Entry = file
      ? { type: 'file', path, mode: file.mode, size: file.content.length, ...common }
      : { type: 'directory', path, mode: 0o755, ...common };
    items.push(file ? { entry, content: file.content } : { entry });
  }
  return items;
}

type Files = ReadonlyMap<string, { readonly content: Buffer }>;

function needsGyp(files: Files): boolean {
  const manifest = files.has('binding.gyp') ? manifestOf(files) : undefined;
  if (manifest === undefined) return false;
  const { gypfile, scripts } = manifest as { gypfile?: unknown; scripts?: Record<string, unknown> };
  return gypfile !== false && !scripts?.['install'] && !scripts?.['preinstall'];
}

/** Few say it, so few are parsed for it. */
function libcOf(files: Files): readonly string[] {
  const libc = files.get('package.json')?.content.includes('"libc"') ? manifestOf(files)?.['libc'] : undefined;
  return typeof libc === 'string' ? [libc] : isStrings(libc) ? libc : [];
}

/** The package's own package.json; undefined for what is not the JSON of an object. */
function manifestOf(files: Files): Readonly<Record<string, unknown>> | undefined {
  try {
    const manifest: unknown = JSON.parse(files.get('package.json')?.content.toString('utf8') ?? '{}');
    return isObject(manifest) ? manifest : undefined;
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
