import { FIXED_TIME, type Entry } from '../archive/entry.js';
import { ancestorsOf, comparePaths, parentOf, rooted } from '../archive/paths.js';
import { headerBlocks } from '../archive/write-header.js';
import type { PiecesContent } from './layer.js';
import type { EntryStream } from './merge-entries.js';

/** Which folders a layer's tar has so far, and the mode of each; as a stream, the named ones. */
export class LayerFolders implements EntryStream {
  readonly #content: PiecesContent;
  readonly #modes: ReadonlyMap<string, number>;
  readonly #present = new Set<string>(['']);
  /** Named folders, the next one last. */
  readonly #named: string[];

  constructor(content: PiecesContent) {
    this.#content = content;
    this.#modes = new Map(content.folders ?? []);
    this.#named = [...this.#modes.keys()].sort((a, b) => comparePaths(b, a));
  }

  /** The folders above the prefix, and the whiteouts. */
  start(): Buffer {
    const { prefix, above = [], removed } = this.#content;
    const given = new Map(above.map((folder) => [folder.path, folder]));
    const headers: Buffer[] = [];
    for (const path of ancestorsOf(rooted(prefix))) {
      const { mode, uid, gid } = given.get(path) ?? { mode: 0o755, uid: 0, gid: 0 };
      headers.push(headerBlocks({ type: 'directory', path, mode, uid, gid, mtime: FIXED_TIME }));
      this.#present.add(path);
    }
    for (const path of removed) {
      headers.push(this.enter(parentOf(path)));
      headers.push(headerBlocks({ type: 'file', path: whiteout(path), mode: 0, uid: 0, gid: 0, mtime: FIXED_TIME, size: 0 }));
    }
    return Buffer.concat(headers);
  }

  get next(): string | undefined {
    return this.#named.at(-1);
  }

  *write(limit: string | undefined): Generator<Buffer> {
    for (let path = this.next; path !== undefined && (limit === undefined || comparePaths(path, limit) <= 0); path = this.next) {
      yield this.enter(path);
      this.#named.pop();
    }
  }

  close(): void {
    this.#named.length = 0;
  }

  /** Headers of the folder and of those above it, as far as they are new. */
  enter(folder: string): Buffer {
    if (this.#present.has(folder)) return NOTHING;
    return Buffer.concat([...ancestorsOf(folder), folder].flatMap((path) => {
      const entry = this.claim(path);
      return entry === undefined ? [] : [headerBlocks(entry)];
    }));
  }

  /** The entry of a folder; undefined if the tar has it already. */
  claim(path: string): Entry | undefined {
    if (this.#present.has(path)) return undefined;
    this.#present.add(path);
    return { type: 'directory', path, mode: this.#modes.get(path) ?? 0o755, uid: 0, gid: 0, mtime: FIXED_TIME };
  }
}

const NOTHING = Buffer.alloc(0);

/** The path of the empty file that says that lower layers' `path` is gone (OCI image spec, layer). */
function whiteout(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
}
