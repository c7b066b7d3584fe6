import { Readable as Stream } from 'node:stream';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { Entry as YauzlEntry, ZipFile } from 'yauzl';
import { Failed } from '../core/failure.js';
import { errorCode } from '../util/disk.js';
import type { Entry } from './entry.js';
import { cleanPath, unsafePath } from './paths.js';
import type { TarLimits } from './read-tar.js';
import { refuse, refuseEntry } from './refusal.js';
import { TreeGuard } from './tree-guard.js';

export interface ZipOptions {
  /** Names the archive in messages: `flask-3.1.0-py3-none-any.whl`. */
  readonly subject: string;
  readonly limits?: Partial<TarLimits>;
}

/** A file or folder of a ZIP. `content` must be read before the next one is asked for, or not at all. */
export interface ZipItem {
  readonly entry: Entry;
  /** Checked: size and CRC-32 are those of the directory, or the stream fails (`Failed`, reason `archive`). */
  content(): Promise<Readable>;
}

const LIMITS: TarLimits = { entries: 500_000, bytes: 8 * 1024 ** 3 };

/**
 * Reads an untrusted ZIP (a path or its bytes) by its central directory. Throws `Failed` (reason `archive`) for unsafe, double
 * or encrypted entries, for what is too big and for broken files. Symlinks count as files that hold their target, as pip
 * and Python's zipfile take them.
 */
export async function* readZip(source: string | Buffer, options: ZipOptions): AsyncGenerator<ZipItem> {
  const { subject } = options;
  const limits = { ...LIMITS, ...options.limits };
  const zip = await openZip(source, subject);
  const guard = new TreeGuard();
  let bytes = 0;
  try {
    if (zip.entryCount > limits.entries) refuse(subject, `has more than ${limits.entries} entries`);
    for await (const raw of guarded(zip.eachEntry(), subject)) {
      const entry = entryOf(raw, subject);
      bytes += raw.uncompressedSize;
      if (bytes > limits.bytes) refuse(subject, `is bigger than ${limits.bytes} bytes when unpacked`);
      if (entry === undefined) continue;
      const verdict = guard.admit(entry.path, entry.type);
      if (typeof verdict === 'object') refuseEntry(subject, raw.fileName, verdict.complaint);
      if (verdict === 'again') refuseEntry(subject, raw.fileName, 'is there twice');
      yield { entry, content: () => openContent(zip, raw, subject) };
    }
  } finally {
    zip.close();
  }
}

/** All entries of a ZIP. */
export async function listZip(source: string | Buffer, options: ZipOptions): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const { entry } of readZip(source, options)) entries.push(entry);
  return entries;
}

/** The contents of the files that `select` wants, by path; `limit` is in bytes for each. The whole directory is checked. */
export async function readZipFiles(source: string | Buffer, select: (path: string) => boolean, options: ZipOptions & { readonly limit: number }): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const { entry, content } of readZip(source, options)) {
    if (entry.type !== 'file' || !select(entry.path)) continue;
    if (entry.size > options.limit) refuseEntry(options.subject, entry.path, `is bigger than ${options.limit} bytes`);
    const chunks: Buffer[] = [];
    for await (const chunk of await content()) chunks.push(chunk as Buffer);
    found.set(entry.path, Buffer.concat(chunks));
  }
  return found;
}

/** One file's content; undefined if there is none of this name. */
export async function readZipFile(source: string | Buffer, path: string, options: ZipOptions & { readonly limit: number }): Promise<Buffer | undefined> {
  return (await readZipFiles(source, (name) => name === path, options)).get(path);
}

async function openZip(source: string | Buffer, subject: string): Promise<ZipFile> {
  const { default: yauzl } = await import('yauzl');
  const options = { autoClose: false, decodeStrings: true, strictFileNames: true, validateEntrySizes: true };
  try {
    return typeof source === 'string' ? await yauzl.openPromise(source, options) : await yauzl.fromBufferPromise(source, options);
  } catch (error) {
    throw explained(error, subject);
  }
}

function entryOf(raw: YauzlEntry, subject: string): Entry | undefined {
  const unsafe = unsafePath(raw.fileName);
  if (unsafe !== undefined) refuseEntry(subject, raw.fileName, unsafe);
  if (raw.isEncrypted()) refuseEntry(subject, raw.fileName, 'is encrypted');
  const path = cleanPath(raw.fileName);
  if (path === '') return undefined;
  // Upper half: the mode, if the writer was a Unix one; else 0.
  const mode = (raw.externalFileAttributes >>> 16) & 0o777;
  const common = { path, uid: 0, gid: 0, mtime: Math.floor(raw.getLastModDate({ timezone: 'UTC' }).getTime() / 1000) };
  if (raw.fileName.endsWith('/')) return { type: 'directory', ...common, mode: mode === 0 ? 0o755 : mode };
  return { type: 'file', ...common, mode: mode === 0 ? 0o644 : mode, size: raw.uncompressedSize };
}

async function openContent(zip: ZipFile, raw: YauzlEntry, subject: string): Promise<Readable> {
  try {
    const content = await zip.openReadStreamPromise(raw);
    const checked = Stream.from(checkedContent(content, raw, subject), { objectMode: false });
    return checked.once('close', () => content.destroy());
  } catch (error) {
    throw explained(error, subject);
  }
}

/** yauzl checks sizes, not sums. */
async function* checkedContent(content: Readable, raw: YauzlEntry, subject: string): AsyncGenerator<Buffer> {
  let sum = 0;
  for await (const chunk of guarded(content as AsyncIterable<Buffer>, subject)) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== raw.crc32) refuseEntry(subject, raw.fileName, 'has other bytes than its checksum says');
}

async function* guarded<T>(entries: AsyncIterable<T>, subject: string): AsyncGenerator<T> {
  try {
    yield* entries;
  } catch (error) {
    throw explained(error, subject);
  }
}

/** yauzl's errors are about the file's content, unless the system gave them a code. */
function explained(error: unknown, subject: string): unknown {
  const code = errorCode(error);
  if (error instanceof Failed || (code !== undefined && !code.startsWith('Z_'))) return error;
  return new Failed({ reason: 'archive', message: `${subject}: is not a sound ZIP file (${(error as Error).message})` }, { cause: error });
}
