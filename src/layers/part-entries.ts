import { FIXED_TIME, type Entry } from '../archive/entry.js';
import { ancestorsOf, below, comparePaths, rooted } from '../archive/paths.js';
import { refuseEntry } from '../archive/refusal.js';
import { HOLD, PieceRewriter, type Rewrite } from '../archive/rewrite-piece.js';
import { headerBlocks } from '../archive/write-header.js';
import type { Part } from '../artifact/artifact.js';
import { nameOf } from '../artifact/walk.js';
import type { LayerFolders } from './layer-folders.js';
import type { LayerPart } from './layer.js';
import type { EntryStream } from './merge-entries.js';

/** A piece's bytes, each chunk the reader's own. */
export interface Source extends AsyncIterator<Buffer> {
  /** It takes much memory while nothing is read of it. */
  readonly isCostly: boolean;
}

/** One piece at its place. */
export class PartEntries implements EntryStream {
  readonly #part: LayerPart;
  readonly #folders: LayerFolders;
  readonly #open: () => Source;
  readonly #at: string;
  /** Paths within the piece that stay, and the folders above them; undefined: all. */
  readonly #only: { readonly paths: ReadonlySet<string>; readonly above: ReadonlySet<string> } | undefined;
  readonly #rewriter: PieceRewriter;
  #source: Source | undefined;
  #begun = false;
  /** Bytes of the piece that were read. */
  #read = 0;
  #limit: string | undefined;
  #next: string | undefined;
  /** Files that are left out; a hard link to one has to bring its content. */
  readonly #omitted = new Set<string>();
  /** Omitted file → links to it, in order. */
  readonly #orphans = new Map<string, Entry[]>();

  /** `open` gives the piece's bytes from the start. */
  constructor(part: LayerPart, folders: LayerFolders, open: () => Source) {
    this.#part = part;
    this.#folders = folders;
    this.#open = open;
    this.#next = this.#at = rooted(part.at);
    refuseRemoval(this.#at, part);
    this.#only = part.only === undefined ? undefined : { paths: new Set(part.only), above: new Set(part.only.flatMap(ancestorsOf)) };
    this.#rewriter = new PieceRewriter(`piece of ${nameOf(part)}`, (entry) => this.#rewrite(entry));
  }

  get next(): string | undefined {
    return this.#next;
  }

  async *write(limit: string | undefined): AsyncGenerator<Buffer> {
    this.#limit = limit;
    if (!this.#begun) {
      this.#begun = true;
      const head = this.#folders.enter(this.#at);
      if (head.length > 0) yield head;
    }
    const rewriter = this.#rewriter;
    const source = (this.#source ??= this.#open());
    let skipped = rewriter.holds ? 0 : this.#read;
    if (rewriter.holds) yield* await checked(source, () => rewriter.resume());
    while (!rewriter.holds) {
      const chunk = await source.next();
      if (chunk.done === true) {
        rewriter.end();
        yield* this.#adopted();
        this.#next = undefined;
        return;
      }
      const fresh = chunk.value.subarray(Math.min(skipped, chunk.value.length));
      skipped -= chunk.value.length - fresh.length;
      if (fresh.length === 0) continue;
      this.#read += fresh.length;
      yield* await checked(source, () => rewriter.feed(fresh));
    }
    if (!source.isCostly) return;
    // Many may wait at once: it is opened again when its turn comes.
    this.#read -= rewriter.putBack();
    this.#source = undefined;
    await source.return?.();
  }

  async close(): Promise<void> {
    await this.#source?.return?.();
  }

  /** Contents of omitted files, under the names of links to them. */
  async *#adopted(): AsyncGenerator<Buffer> {
    if (this.#orphans.size === 0) return;
    const source = this.#open();
    const rewriter = new PieceRewriter(`piece of ${nameOf(this.#part)}`, (entry) => this.#adopt(entry));
    try {
      for (let next = await source.next(); next.done !== true; next = await source.next()) {
        const chunk = next.value;
        yield* await checked(source, () => rewriter.feed(chunk));
      }
      rewriter.end();
    } finally {
      await source.return?.();
    }
    const links = [...this.#orphans.values()].flatMap(([first, ...rest]) => rest.map((link) => headerBlocks({ ...link, type: 'hardlink', target: (first as Entry).path })));
    if (links.length > 0) yield Buffer.concat(links);
  }

  #rewrite(entry: Entry): ReturnType<Rewrite> {
    if (!this.#isKept(entry)) {
      if (entry.type === 'file') this.#omitted.add(entry.path);
      return undefined;
    }
    const path = below(this.#at, entry.path);
    if (this.#limit !== undefined && comparePaths(path, this.#limit) > 0) {
      this.#next = path;
      return HOLD;
    }
    refuseRemoval(entry.path, this.#part);
    if (entry.type === 'directory') return this.#folders.claim(path);
    if (entry.type === 'file') return { type: 'file', path, mode: entry.mode, uid: 0, gid: 0, mtime: FIXED_TIME, size: entry.size };
    if (entry.type === 'symlink') return { ...entry, path };
    if (!this.#omitted.has(entry.target)) return { ...entry, path, target: below(this.#at, entry.target) };
    const links = this.#orphans.get(entry.target);
    if (links === undefined) this.#orphans.set(entry.target, [{ ...entry, path }]);
    else links.push({ ...entry, path });
    return undefined;
  }

  #isKept({ type, path }: Entry): boolean {
    return this.#only === undefined || this.#only.paths.has(path) || (type === 'directory' && this.#only.above.has(path));
  }

  /** An omitted file under the name of the first link to it. */
  #adopt(entry: Entry): Entry | undefined {
    const first = this.#orphans.get(entry.path)?.[0];
    return first === undefined || entry.type !== 'file' ? undefined : { ...entry, path: first.path, mode: first.mode };
  }
}

/** If the bytes are not what they should be, that is what is to be told, and the store knows at their end. */
async function checked(source: Source, read: () => Buffer[]): Promise<Buffer[]> {
  try {
    return read();
  } catch (error) {
    while ((await source.next()).done !== true);
    throw error;
  }
}

/** A layer has no way to hold such a name: engines remove what it names, in the layers of other packages too (OCI image layer spec). */
function refuseRemoval(path: string, part: Part): void {
  if (path.includes('.wh.') && /(?:^|\/)\.wh\./.test(path)) refuseEntry(nameOf(part), path, "has the name of a layer's mark of removal");
}
