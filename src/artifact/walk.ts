import { FIXED_TIME } from '../archive/entry.js';
import type { Entry, HardlinkEntry } from '../archive/entry.js';
import { ancestorsOf, below, parentOf, rooted } from '../archive/paths.js';
import type { PieceEntry } from '../archive/read-piece.js';
import { fail } from '../core/failure.js';
import type { Artifact, Part } from './artifact.js';

/** An entry at its place in the artifact; the path is rooted at `/`, without the leading slash. */
export interface Walked {
  readonly entry: Entry;
  /** Absent for folders that are only implied by the place of a part. */
  readonly part?: Part;
  /** Of files: read it before the next entry is asked for, or leave it. */
  readonly content?: Content;
}

export interface Content {
  /** Some of it; undefined when all of it was given. */
  some(): Promise<Buffer | undefined>;
}

/** The entries of one piece, in its order, on their way out of the store. */
export interface OpenPiece {
  next(): Promise<PieceEntry | undefined>;
  /** Of the entry that `next` gave last; absent if contents are not at hand. */
  readonly content?: Content;
  close(): Promise<void>;
}

/**
 * All entries of an artifact in one pass over its pieces, last part first: an entry whose path was seen already is
 * overridden by a later part and left out, so nothing has to be known ahead. Within a part the order is the piece's. A
 * folder's mode is that of the last part that has it; folders implied by a part's place are 0755 unless seen before.
 * A file (or link) in one part where another has a folder is `Failed` (reason `archive`).
 */
export async function* walkArtifact(artifact: Artifact, open: (part: Part) => Promise<OpenPiece>): AsyncGenerator<Walked> {
  const tree = new Tree(artifact.prefix);
  for await (const { part, piece } of piecesAhead([...artifact.parts].reverse(), open)) {
    const at = rooted(part.at);
    for (const folder of tree.enter(at, part)) yield { entry: implied(folder) };
    const links = new Links(part, open);
    try {
      for (let next = await piece.next(); next !== undefined; next = await piece.next()) {
        const entry: Entry = { ...next.entry, path: below(at, next.entry.path) };
        for (const folder of tree.enter(parentOf(entry.path), part)) yield { entry: implied(folder) };
        if (!tree.claim(entry, part)) {
          if (entry.type === 'file') links.remember(next.entry.path, { offset: next.offset, size: entry.size });
          continue;
        }
        if (entry.type === 'hardlink') yield await links.resolve(entry, { at, kept: tree.ownedBy(below(at, entry.target), part) });
        else yield walked(entry, part, piece);
      }
    } finally {
      await links.close();
      await piece.close();
    }
  }
}

function walked(entry: Entry, part: Part, { content }: OpenPiece): Walked {
  return entry.type === 'file' && content !== undefined ? { entry, part, content } : { entry, part };
}

/** Who has which path, so far. */
class Tree {
  readonly #prefix: string;
  readonly #folders = new Map<string, Part>();
  readonly #leaves = new Map<string, Part>();

  constructor(prefix: string) {
    this.#prefix = rooted(prefix);
  }

  /** Makes sure that a folder is there; gives those that are new, parents first. */
  enter(folder: string, part: Part): readonly string[] {
    if (this.#folders.has(folder)) return NONE;
    if (folder === '') return NONE;
    if (this.#prefix !== '' && folder !== this.#prefix && !folder.startsWith(`${this.#prefix}/`)) {
      if (this.#prefix.startsWith(`${folder}/`)) return NONE;
      throw new Error(`a part lies at /${folder}, outside the artifact's prefix /${this.#prefix}`);
    }
    const fresh = [...ancestorsOf(folder), folder].filter((path) => path.length >= this.#prefix.length && !this.#folders.has(path));
    for (const path of fresh) this.#addFolder(path, part);
    return fresh;
  }

  /** False if a later part has the path already. Its parents must have been entered. */
  claim(entry: Entry, part: Part): boolean {
    if (entry.type === 'directory') {
      if (this.#folders.has(entry.path)) return false;
      this.#addFolder(entry.path, part);
      return true;
    }
    const folder = this.#folders.get(entry.path);
    if (folder !== undefined) clash(entry.path, { file: part, folder });
    if (this.#leaves.has(entry.path)) return false;
    this.#leaves.set(entry.path, part);
    return true;
  }

  ownedBy(path: string, part: Part): boolean {
    return this.#leaves.get(path) === part;
  }

  #addFolder(path: string, part: Part): void {
    const leaf = this.#leaves.get(path);
    if (leaf !== undefined) clash(path, { file: leaf, folder: part });
    this.#folders.set(path, part);
  }
}

const NONE: readonly string[] = [];

/** Hard links of one piece. One whose target was overridden gets the content itself, read once more from the piece. */
class Links {
  readonly #part: Part;
  readonly #openPiece: (part: Part) => Promise<OpenPiece>;
  readonly #overridden = new Map<string, { readonly offset: number; readonly size: number }>();
  /** Target within the piece → the path that has its content instead. */
  readonly #moved = new Map<string, string>();
  #open: OpenPiece | undefined;

  constructor(part: Part, openPiece: (part: Part) => Promise<OpenPiece>) {
    this.#part = part;
    this.#openPiece = openPiece;
  }

  remember(target: string, content: { readonly offset: number; readonly size: number }): void {
    this.#overridden.set(target, content);
  }

  async resolve(entry: HardlinkEntry, place: { readonly at: string; readonly kept: boolean }): Promise<Walked> {
    const part = this.#part;
    if (place.kept) return { entry: { ...entry, target: below(place.at, entry.target) }, part };
    const moved = this.#moved.get(entry.target);
    if (moved !== undefined) return { entry: { ...entry, target: moved }, part };
    const content = this.#overridden.get(entry.target);
    if (content === undefined) fail({ reason: 'archive', message: `piece of ${nameOf(part)}: hard link /${entry.path} has no earlier target` });
    this.#moved.set(entry.target, entry.path);
    const { path, mode, uid, gid, mtime } = entry;
    return walked({ type: 'file', path, mode, uid, gid, mtime, size: content.size }, part, await this.#again(content.offset));
  }

  async close(): Promise<void> {
    await this.#open?.close();
    this.#open = undefined;
  }

  async #again(offset: number): Promise<OpenPiece> {
    await this.close();
    const piece = await this.#openPiece(this.#part);
    this.#open = piece;
    for (let next = await piece.next(); next !== undefined; next = await piece.next()) if (next.offset === offset) return piece;
    throw new Error('a piece changed while it was read');
  }
}

/** How many pieces are opened before their turn, so that the disk works while we do. Each holds some 512 KiB. */
const AHEAD = 3;

async function* piecesAhead(parts: readonly Part[], open: (part: Part) => Promise<OpenPiece>): AsyncGenerator<{ readonly part: Part; readonly piece: OpenPiece }> {
  const ahead: Promise<OpenPiece>[] = [];
  try {
    for (const [index, part] of parts.entries()) {
      while (ahead.length <= AHEAD && index + ahead.length < parts.length) {
        const opening = open(parts[index + ahead.length] as Part);
        // Its errors are the reader's, when its turn comes; until then they are nobody's.
        opening.catch(() => undefined);
        ahead.push(opening);
      }
      yield { part, piece: await (ahead.shift() as Promise<OpenPiece>) };
    }
  } finally {
    for (const opening of ahead) opening.then((piece) => piece.close()).catch(() => undefined);
  }
}

function implied(path: string): Entry {
  return { type: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: FIXED_TIME };
}

function clash(path: string, { file, folder }: { readonly file: Part; readonly folder: Part }): never {
  fail({ reason: 'archive', message: `/${path} is a file in ${nameOf(file)} and a folder in ${nameOf(folder)}` });
}

/** A part in messages. */
export function nameOf(part: Part): string {
  return part.package ?? `the links and skeleton at ${part.at}`;
}
