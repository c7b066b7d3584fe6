import { Readable } from 'node:stream';
import { FIXED_TIME, type Entry } from '../archive/entry.js';
import { ancestorsOf, below, parentOf, rooted } from '../archive/paths.js';
import { refuseEntry } from '../archive/refusal.js';
import { PieceRewriter, type Rewrite } from '../archive/rewrite-piece.js';
import { BLOCK } from '../archive/tar-block.js';
import { headerBlocks } from '../archive/write-header.js';
import type { Part } from '../artifact/artifact.js';
import { nameOf } from '../artifact/walk.js';
import type { Store } from '../store/store.js';
import type { LayerPart, PiecesContent } from './layer.js';

/** The tar of pieces at their places. Equal contents give equal bytes. */
export function composeLayer(content: PiecesContent, store: Store): Readable {
  return Readable.from(composed(content, store), { objectMode: false, highWaterMark: CHUNK });
}

const CHUNK = 512 * 1024;
/** Pieces up to this size are read at once. */
const WHOLE = 1024 * 1024;
/** How many pieces are read before their turn, so that the disk works while we do. */
const AHEAD = 4;

async function* composed(content: PiecesContent, store: Store): AsyncGenerator<Buffer> {
  const folders = new Folders(content);
  yield folders.start();
  for await (const { part, source } of sourcesAhead(content.parts, store)) yield* new PartWriter(part, folders).write(source, () => openSource(part, store));
  yield Buffer.alloc(2 * BLOCK);
}

/** Which folders the tar has so far, and the mode of each. */
class Folders {
  readonly #content: PiecesContent;
  readonly #modes: ReadonlyMap<string, number>;
  readonly #present = new Set<string>(['']);

  constructor(content: PiecesContent) {
    this.#content = content;
    this.#modes = new Map(content.folders ?? []);
  }

  /** The folders above the prefix, those that are named, and the whiteouts. */
  start(): Buffer {
    const { prefix, above = [], folders = [], removed } = this.#content;
    const given = new Map(above.map((folder) => [folder.path, folder]));
    const headers: Buffer[] = [];
    for (const path of ancestorsOf(rooted(prefix))) {
      const { mode, uid, gid } = given.get(path) ?? { mode: 0o755, uid: 0, gid: 0 };
      headers.push(headerBlocks({ type: 'directory', path, mode, uid, gid, mtime: FIXED_TIME }));
      this.#present.add(path);
    }
    for (const [path] of folders) headers.push(...this.enter(path));
    for (const path of removed) {
      headers.push(...this.enter(parentOf(path)));
      headers.push(headerBlocks({ type: 'file', path: whiteout(path), mode: 0, uid: 0, gid: 0, mtime: FIXED_TIME, size: 0 }));
    }
    return Buffer.concat(headers);
  }

  /** Headers of the folder and of those above it, as far as they are new. */
  enter(folder: string): readonly Buffer[] {
    if (this.#present.has(folder)) return NONE;
    return [...ancestorsOf(folder), folder].flatMap((path) => {
      const entry = this.claim(path);
      return entry === undefined ? [] : [headerBlocks(entry)];
    });
  }

  /** The entry of a folder; undefined if the tar has it already. */
  claim(path: string): Entry | undefined {
    if (this.#present.has(path)) return undefined;
    this.#present.add(path);
    return { type: 'directory', path, mode: this.#modes.get(path) ?? 0o755, uid: 0, gid: 0, mtime: FIXED_TIME };
  }
}

const NONE: readonly Buffer[] = [];

/** Puts one piece at its place. */
class PartWriter {
  readonly #part: LayerPart;
  readonly #folders: Folders;
  readonly #at: string;
  readonly #only: ReadonlySet<string> | undefined;
  /** Files that are left out; a hard link to one has to bring its content. */
  readonly #omitted = new Set<string>();
  /** Omitted file → links to it, in order. */
  readonly #orphans = new Map<string, Entry[]>();

  constructor(part: LayerPart, folders: Folders) {
    this.#part = part;
    this.#folders = folders;
    this.#at = rooted(part.at);
    refuseRemoval(this.#at, part);
    this.#only = part.only === undefined ? undefined : new Set(part.only);
  }

  async *write(source: Source, again: () => Source): AsyncGenerator<Buffer> {
    const parents = [...(this.#only ?? [])].flatMap((path) => this.#folders.enter(parentOf(this.#below(path))));
    const head = Buffer.concat([...this.#folders.enter(this.#at), ...parents]);
    if (head.length > 0) yield head;
    yield* this.#pass(source, (entry) => this.#rewrite(entry));
    if (this.#orphans.size === 0) return;
    yield* this.#pass(again(), (entry) => this.#adopt(entry));
    const links = [...this.#orphans.values()].flatMap(([first, ...rest]) => rest.map((link) => headerBlocks({ ...link, type: 'hardlink', target: (first as Entry).path })));
    if (links.length > 0) yield Buffer.concat(links);
  }

  async *#pass(source: Source, rewrite: Rewrite): AsyncGenerator<Buffer> {
    const rewriter = new PieceRewriter(`piece of ${nameOf(this.#part)}`, rewrite);
    try {
      for (let next = await source.next(); next.done !== true; next = await source.next()) yield* await this.#checked(source, () => rewriter.feed(next.value as Buffer));
      rewriter.end();
    } finally {
      await source.return?.();
    }
  }

  /** If the bytes are not what they should be, that is what is to be told, and the store knows at their end. */
  async #checked(source: Source, feed: () => Buffer[]): Promise<Buffer[]> {
    try {
      return feed();
    } catch (error) {
      while ((await source.next()).done !== true);
      throw error;
    }
  }

  #rewrite(entry: Entry): Entry | undefined {
    const kept = this.#only === undefined || this.#only.has(entry.path);
    if (!kept) {
      if (entry.type === 'file') this.#omitted.add(entry.path);
      return undefined;
    }
    refuseRemoval(entry.path, this.#part);
    const path = this.#below(entry.path);
    if (entry.type === 'directory') return this.#folders.claim(path);
    if (entry.type === 'file') return { type: 'file', path, mode: entry.mode, uid: 0, gid: 0, mtime: FIXED_TIME, size: entry.size };
    if (entry.type === 'symlink') return { ...entry, path };
    if (!this.#omitted.has(entry.target)) return { ...entry, path, target: this.#below(entry.target) };
    const links = this.#orphans.get(entry.target);
    if (links === undefined) this.#orphans.set(entry.target, [{ ...entry, path }]);
    else links.push({ ...entry, path });
    return undefined;
  }

  /** An omitted file under the name of the first link to it. */
  #adopt(entry: Entry): Entry | undefined {
    const first = this.#orphans.get(entry.path)?.[0];
    return first === undefined || entry.type !== 'file' ? undefined : { ...entry, path: first.path, mode: first.mode };
  }

  #below(path: string): string {
    return below(this.#at, path);
  }
}

/** A piece's bytes, each chunk the reader's own. */
type Source = AsyncIterator<Buffer>;

async function* sourcesAhead(parts: readonly LayerPart[], store: Store): AsyncGenerator<{ readonly part: LayerPart; readonly source: Source }> {
  const ahead: Source[] = [];
  for (const [index, part] of parts.entries()) {
    while (ahead.length <= AHEAD && index + ahead.length < parts.length) ahead.push(openSource(parts[index + ahead.length] as LayerPart, store));
    yield { part, source: ahead.shift() as Source };
  }
}

/** A small piece is read now, in one go and verified before its first byte; a big one when it is asked for. */
function openSource({ piece, size }: Part, store: Store): Source {
  if (size > WHOLE) return chunksOf(() => store.readBlob(piece));
  const whole = store.readBlobBytes(piece);
  // Its errors are the reader's, when its turn comes; until then they are nobody's.
  whole.catch(() => undefined);
  return chunksOf(async () => [await whole]);
}

async function* chunksOf(open: () => Promise<AsyncIterable<unknown> | Iterable<unknown>>): AsyncGenerator<Buffer> {
  for await (const chunk of await open()) yield chunk as Buffer;
}

/** A layer has no way to hold such a name: engines remove what it names, in the layers of other packages too (OCI image layer spec). */
function refuseRemoval(path: string, part: Part): void {
  if (path.includes('.wh.') && /(?:^|\/)\.wh\./.test(path)) refuseEntry(nameOf(part), path, "has the name of a layer's mark of removal");
}

/** The path of the empty file that says that lower layers' `path` is gone (OCI image spec, layer). */
function whiteout(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
}
