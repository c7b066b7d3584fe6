import { createHash } from 'node:crypto';
import { PieceReader } from '../archive/read-piece.js';
import type { Store } from '../store/store.js';
import type { Part } from './artifact.js';
import { nameOf } from './walk.js';

/** SHA-256 (hex) of the contents of these files of a part's piece, by their paths within it. The piece is read once, and verified. */
export async function fileHashes(part: Part, paths: ReadonlySet<string>, store: Store): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const reader = new PieceReader(await store.readBlob(part.piece), `piece of ${nameOf(part)}`);
  try {
    for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
      const { type, path } = next.entry;
      if (type !== 'file' || !paths.has(path)) continue;
      const hash = createHash('sha256');
      for (let chunk = await reader.some(); chunk !== undefined; chunk = await reader.some()) hash.update(chunk);
      found.set(path, hash.digest('hex'));
    }
  } finally {
    await reader.close();
  }
  return found;
}
