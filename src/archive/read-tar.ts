import { Readable } from 'node:stream';
import { ByteSource } from './byte-source.js';
import { tarBytes } from './decompress.js';
import type { Entry } from './entry.js';
import { cleanPath, unsafeLink, unsafePath } from './paths.js';
import { refuse, refuseEntry } from './refusal.js';
import { TarReader } from './tar-reader.js';
import type { RawEntry } from './tar-reader.js';
import { TreeGuard } from './tree-guard.js';

export interface ReadTarOptions {
  /** Names the archive in messages: `lodash-4.17.21.tgz`. */
  readonly subject: string;
  /** Leading path segments to remove, whatever their names; entries that have no more than those are left out. */
  readonly strip?: number;
  /**
   * Symlinks and hard links: `check` (default) refuses links that leave the tree; `keep` gives symlinks as they are (for
   * trees made by our own builder; hard links are checked still); `drop` leaves both out, as npm does with packages.
   */
  readonly links?: 'check' | 'keep' | 'drop';
  /** Devices, fifos, sparse files and unknown types: refused by default. */
  readonly special?: 'refuse' | 'drop';
  /** Extended attributes: `drop` (default) or refuse entries that have some. */
  readonly xattrs?: 'drop' | 'refuse';
  /** A second file or link at one path: `keep` (default) gives both, and the later one is meant. */
  readonly duplicates?: 'keep' | 'refuse';
  readonly limits?: Partial<TarLimits>;
}

export interface TarLimits {
  /** Entries of any type. */
  readonly entries: number;
  /** Bytes of the uncompressed archive. */
  readonly bytes: number;
}

/** Far above any real package, and small enough to end a bomb in seconds. */
const LIMITS: TarLimits = { entries: 500_000, bytes: 8 * 1024 ** 3 };

/** An entry with its content, which must be read (or left) before the next entry is asked for. */
export interface TarItem {
  readonly entry: Entry;
  /** Empty for everything but files. What is not read of it is skipped. */
  readonly content: Readable;
  /** What is left of the content, in memory; may be a part of a bigger buffer. Without the price of a stream. */
  bytes(): Promise<Buffer>;
}

/**
 * Reads an untrusted tar, plain or gzip (told apart by magic number). Throws `Failed` (reason `archive`) that names the
 * archive and the entry for whatever is unsafe, broken or too big; errors of `source` pass through. The source is destroyed
 * when the loop ends early.
 */
export async function* readTar(source: Readable, options: ReadTarOptions): AsyncGenerator<TarItem> {
  const { subject } = options;
  const limits = { ...LIMITS, ...options.limits };
  const bytes = new ByteSource(limited(tarBytes(source, subject), limits.bytes, subject));
  const reader = new TarReader(bytes, subject);
  const guard = new TreeGuard();
  let count = 0;
  try {
    for (let raw = await reader.next(); raw !== undefined; raw = await reader.next()) {
      count += 1;
      if (count > limits.entries) refuse(subject, `has more than ${limits.entries} entries`);
      const entry = checkedEntry(raw, options);
      if (entry === undefined) continue;
      admit(guard, raw.name, { entry, options });
      const item = new ReadItem(entry, reader);
      try {
        yield item;
      } finally {
        item.close();
      }
      await item.settled();
    }
    // To the very end: there are gzip's checksum, and the source's own verdict on its bytes.
    await bytes.drain();
  } finally {
    reader.close();
    // First the source: a read of it that is under way would hold up the rest.
    source.destroy();
    await bytes.close();
  }
}

/** The entry in our words; undefined if it is left out. */
function checkedEntry(raw: RawEntry, options: ReadTarOptions): Entry | undefined {
  const { subject } = options;
  // Some writers call the root itself `/`.
  const unsafe = raw.type === 'directory' && raw.name === '/' ? undefined : unsafePath(raw.name);
  if (unsafe !== undefined) refuseEntry(subject, raw.name, unsafe);
  const path = stripped(cleanPath(raw.name), options.strip ?? 0);
  if (raw.type === 'other') {
    if (options.special === 'drop') return undefined;
    refuseEntry(subject, raw.name, `is ${raw.what}`);
  }
  if (raw.extended && options.xattrs === 'refuse') refuseEntry(subject, raw.name, 'has extended attributes');
  if (path === '') {
    if (raw.type === 'directory' || (options.strip ?? 0) > 0) return undefined;
    refuseEntry(subject, raw.name, 'has no name');
  }
  const common = { path, mode: raw.mode, uid: raw.uid, gid: raw.gid, mtime: raw.mtime };
  if (raw.type === 'file') return { type: 'file', ...common, size: raw.size };
  if (raw.type === 'directory') return { type: 'directory', ...common };
  const policy = options.links ?? 'check';
  if (policy === 'drop') return undefined;
  if (raw.type === 'symlink') {
    const complaint = policy === 'check' ? unsafeLink(path, raw.target) : raw.target === '' || raw.target.includes('\0') ? 'is a link to nothing' : undefined;
    if (complaint !== undefined) refuseEntry(subject, raw.name, `${complaint} (${JSON.stringify(raw.target)})`);
    return { type: 'symlink', ...common, target: raw.target };
  }
  const outside = unsafePath(raw.target);
  if (outside !== undefined) refuseEntry(subject, raw.name, `is a hard link to something that ${outside}`);
  return { type: 'hardlink', ...common, target: stripped(cleanPath(raw.target), options.strip ?? 0) };
}

function admit(guard: TreeGuard, name: string, { entry, options }: { entry: Entry; options: ReadTarOptions }): void {
  if (entry.type === 'hardlink' && (entry.target === entry.path || !guard.hasFile(entry.target))) {
    refuseEntry(options.subject, name, `is a hard link to ${JSON.stringify(entry.target)}, which is no earlier file of the archive`);
  }
  const verdict = guard.admit(entry.path, entry.type);
  if (typeof verdict === 'object') refuseEntry(options.subject, name, verdict.complaint);
  if (verdict === 'again' && options.duplicates === 'refuse') refuseEntry(options.subject, name, 'is there twice');
}

function stripped(path: string, segments: number): string {
  let rest = path;
  for (let left = segments; left > 0 && rest !== ''; left -= 1) {
    const slash = rest.indexOf('/');
    rest = slash < 0 ? '' : rest.slice(slash + 1);
  }
  return rest;
}

async function* limited(bytes: AsyncIterable<Buffer>, limit: number, subject: string): AsyncGenerator<Buffer> {
  let seen = 0;
  for await (const chunk of bytes) {
    seen += chunk.length;
    if (seen > limit) refuse(subject, `is bigger than ${limit} bytes when unpacked`);
    yield chunk;
  }
}

/** Late readers must not take bytes of another entry, so it is closed before the next is asked for. */
class ReadItem implements TarItem {
  readonly #reader: TarReader;
  #content: EntryContent | undefined;
  #closed = false;

  constructor(readonly entry: Entry, reader: TarReader) {
    this.#reader = reader;
  }

  get content(): Readable {
    this.#content ??= new EntryContent(this.#reader);
    if (this.#closed) this.#content.destroy();
    return this.#content;
  }

  async bytes(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let chunk = await this.#some(); chunk !== undefined; chunk = await this.#some()) chunks.push(chunk);
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  }

  close(): void {
    this.#closed = true;
    this.#content?.destroy();
  }

  async settled(): Promise<void> {
    await this.#content?.settled();
  }

  async #some(): Promise<Buffer | undefined> {
    if (this.#closed) throw new Error(`the content of ${this.entry.path} was asked for after the next entry`);
    return this.#reader.some();
  }
}

/** The current entry's content; useless once the reader has moved on. */
class EntryContent extends Readable {
  readonly #reader: TarReader;
  #pending: Promise<void> | undefined;

  constructor(reader: TarReader) {
    super({ highWaterMark: 256 * 1024 });
    this.#reader = reader;
  }

  /** When no read is under way any more. */
  async settled(): Promise<void> {
    await this.#pending;
  }

  override _read(): void {
    this.#pending = this.#reader.some().then(
      (chunk) => void this.push(chunk ?? null),
      (error: Error) => void this.destroy(error),
    );
  }
}
