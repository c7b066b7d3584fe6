import { Readable } from 'node:stream';
import { BLOCK } from '../archive/tar-block.js';
import type { Part } from '../artifact/artifact.js';
import type { Store } from '../store/store.js';
import { LayerFolders } from './layer-folders.js';
import type { PiecesContent } from './layer.js';
import { mergeEntries } from './merge-entries.js';
import { PartEntries, type Source } from './part-entries.js';

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
  const folders = new LayerFolders(content);
  yield folders.start();
  const sources = sourcesOf(content.parts, store);
  yield* mergeEntries([folders, ...content.parts.map((part, index) => new PartEntries(part, folders, () => sources(index)))]);
  yield Buffer.alloc(2 * BLOCK);
}

/** Gives the bytes of the part at an index, and begins with those of the next ones. */
function sourcesOf(parts: readonly Part[], store: Store): (index: number) => Source {
  const ahead = new Map<number, Source>();
  let begun = 0;
  return (index) => {
    for (; begun <= index + AHEAD && begun < parts.length; begun += 1) ahead.set(begun, openSource(parts[begun] as Part, store));
    const source = ahead.get(index) ?? openSource(parts[index] as Part, store);
    ahead.delete(index);
    return source;
  };
}

/** A small piece is read now, in one go and verified before its first byte; a big one when it is asked for. */
function openSource({ piece, size }: Part, store: Store): Source {
  if (size > WHOLE) return Object.assign(chunksOf(() => store.readBlob(piece)), { isCostly: true });
  const whole = store.readBlobBytes(piece);
  // Its errors are the reader's, when its turn comes; until then they are nobody's.
  whole.catch(() => undefined);
  return Object.assign(chunksOf(async () => [await whole]), { isCostly: false });
}

async function* chunksOf(open: () => Promise<AsyncIterable<unknown> | Iterable<unknown>>): AsyncGenerator<Buffer> {
  for await (const chunk of await open()) yield chunk as Buffer;
}
