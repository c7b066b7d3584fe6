import { PieceReader } from '../archive/read-piece.js';
import type { Store } from '../store/store.js';
import type { Part } from './artifact.js';
import { nameOf, type OpenPiece } from './walk.js';

/** A part's piece with its contents, verified by the store when it was read to its end. */
export async function openPiece(part: Part, store: Store): Promise<OpenPiece> {
  const bytes = await store.readBlob(part.piece);
  // It may be opened long before its turn: the disk works meanwhile, and an error waits for its reader.
  bytes.on('error', () => undefined);
  bytes.read(0);
  const reader = new PieceReader(bytes, `piece of ${nameOf(part)}`);
  return { next: () => reader.next(), content: reader, close: () => reader.close() };
}
