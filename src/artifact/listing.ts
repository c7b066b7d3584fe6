import { FIXED_TIME } from '../archive/entry.js';
import type { Entry } from '../archive/entry.js';
import { PieceRewriter } from '../archive/rewrite-piece.js';
import type { Digest } from '../core/identity.js';
import type { Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import type { Part } from './artifact.js';
import { nameOf, type OpenPiece } from './walk.js';

/** A record of bucket `pieces`, under `listing-<digest>`: what the piece holds, without contents. It lives as long as the piece. */
interface Listing {
  readonly format: 1;
  readonly entries: readonly Listed[];
}

/** Type, path, mode, and a file's size or a link's target. */
export type Listed = readonly [type: Entry['type'], path: string, mode: number, last?: number | string];

/** What a part's piece holds, in its order, paths within the piece; a piece that has no listing yet is read once, verified and listed. */
export async function listPiece(part: Part, store: Store): Promise<readonly Listed[]> {
  return ((await find(part, store)) ?? (await make(part, store))).entries;
}

/** A part's piece without contents, out of its listing. */
export async function openListing(part: Part, store: Store): Promise<OpenPiece> {
  const entries = await listPiece(part, store);
  let at = 0;
  const next: OpenPiece['next'] = async () => {
    const found = entries[at];
    if (found === undefined) return undefined;
    at += 1;
    return { entry: entryOf(found), offset: at };
  };
  return { next, close: async () => undefined };
}

async function find(part: Part, store: Store): Promise<Listing | undefined> {
  const found = (await store.getRecord('pieces', keyOf(part.piece))) as unknown as Listing | undefined;
  return found?.format === 1 ? found : undefined;
}

/** For who has just made a piece and knows its entries, in its order: it won't be read for its listing. */
export async function putListing(piece: Digest, entries: readonly Entry[], store: Store): Promise<void> {
  await put(piece, entries.map(listed), store);
}

async function make(part: Part, store: Store): Promise<Listing> {
  const entries: Listed[] = [];
  const scanner = new PieceRewriter(`piece of ${nameOf(part)}`, (entry) => {
    entries.push(listed(entry));
    return undefined;
  });
  for await (const chunk of await store.readBlob(part.piece)) scanner.feed(chunk as Buffer);
  scanner.end();
  return put(part.piece, entries, store);
}

async function put(piece: Digest, entries: readonly Listed[], store: Store): Promise<Listing> {
  const listing: Listing = { format: 1, entries };
  await store.putRecord('pieces', keyOf(piece), listing as unknown as Data, { blobs: [piece] });
  return listing;
}

function listed(entry: Entry): Listed {
  if (entry.type === 'directory') return [entry.type, entry.path, entry.mode];
  return [entry.type, entry.path, entry.mode, entry.type === 'file' ? entry.size : entry.target];
}

function entryOf([type, path, mode, last]: Listed): Entry {
  const common = { path, mode, uid: 0, gid: 0, mtime: FIXED_TIME };
  if (type === 'directory') return { type, ...common };
  return type === 'file' ? { type, ...common, size: last as number } : { type, ...common, target: last as string };
}

function keyOf(piece: Digest): string {
  return `listing-${piece}`;
}
