import type { Readable } from 'node:stream';
import { packing } from '../archive/pack-tar.js';
import { tarSize } from '../archive/tar-size.js';
import { FIXED_TIME } from '../archive/entry.js';
import type { Entry } from '../archive/entry.js';
import type { Store } from '../store/store.js';
import type { Artifact, Part } from './artifact.js';
import { openListing } from './listing.js';
import { openPiece } from './open-piece.js';
import { walkArtifact, type Content } from './walk.js';

export interface ComposeOptions {
  /** Owner of all entries; default 0:0. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** An entry of an artifact: its path is rooted at `/`, written without the leading slash. */
export interface ArtifactEntry {
  readonly entry: Entry;
  /** Where it comes from; absent for folders that are only implied by the place of a part. */
  readonly part?: Part;
}

/**
 * The tar of a whole artifact, paths rooted at `/` without a leading slash: the prefix and every folder below it once,
 * parents before children, later parts over earlier ones, one fixed time. The order is that of `walkArtifact`. Equal
 * artifacts give equal bytes. Reads one piece at a time, each verified by the store, and holds only paths in memory.
 */
export function composeArtifact(artifact: Artifact, store: Store, options: ComposeOptions = {}): Readable {
  const owner = options.owner ?? { uid: 0, gid: 0 };
  return packing(async (pack) => {
    for await (const { entry, content } of walkArtifact(artifact, (part) => openPiece(part, store))) {
      await pack.entry({ ...entry, ...owner, mtime: FIXED_TIME }, content === undefined ? undefined : await bytesOf(content));
    }
  });
}

/** The entries of an artifact in the order of `composeArtifact`, without contents; every piece is read and verified. */
export async function* artifactEntries(artifact: Artifact, store: Store): AsyncGenerator<ArtifactEntry> {
  for await (const { entry, part } of walkArtifact(artifact, (part) => openPiece(part, store))) yield part === undefined ? { entry } : { entry, part };
}

/**
 * Bytes of `composeArtifact`'s tar for owner 0:0. Out of the pieces' listings: only pieces that were never listed before
 * are read.
 */
export function composedSize(artifact: Artifact, store: Store): Promise<number> {
  return tarSize(entriesOf(walkArtifact(artifact, (part) => openListing(part, store))));
}

async function* entriesOf(walk: AsyncIterable<{ readonly entry: Entry }>): AsyncGenerator<Entry> {
  for await (const { entry } of walk) yield { ...entry, uid: 0, gid: 0, mtime: FIXED_TIME };
}

/** Most contents come as one chunk, which needs no stream. */
async function bytesOf(content: Content): Promise<Buffer | AsyncIterable<Buffer>> {
  const first = (await content.some()) ?? Buffer.alloc(0);
  const second = await content.some();
  return second === undefined ? first : chunksOf([first, second], content);
}

async function* chunksOf(first: readonly Buffer[], content: Content): AsyncGenerator<Buffer> {
  yield* first;
  for (let chunk = await content.some(); chunk !== undefined; chunk = await content.some()) yield chunk;
}
