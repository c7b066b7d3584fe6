import type { Entry } from './entry.js';
import { tarOf } from './pack-tar.js';
import { BLOCK, padding } from './tar-block.js';

const END = 2 * BLOCK;
/** Names that any header holds. */
const PLAIN = /^[\x20-\x7e]{0,99}$/;

/** Bytes of the tar that `tarOf` makes of these entries with their contents, found without them. */
export async function tarSize(entries: AsyncIterable<Entry> | Iterable<Entry>): Promise<number> {
  let size = END;
  const others: Entry[] = [];
  for await (const entry of entries) {
    if (entry.type === 'file') size += entry.size + padding(entry.size);
    if (isPlain(entry)) size += BLOCK;
    else others.push(entry.type === 'file' ? { ...entry, size: 0 } : entry);
  }
  for await (const chunk of tarOf(others.map((entry) => ({ entry })))) size += (chunk as Buffer).length;
  return size - END;
}

/** True if its header is one block without having to ask. */
function isPlain(entry: Entry): boolean {
  const target = entry.type === 'symlink' || entry.type === 'hardlink' ? entry.target : '';
  return PLAIN.test(entry.path) && entry.path.length < 99 && PLAIN.test(target) && entry.uid === 0 && entry.gid === 0 && entry.mtime >= 0 && entry.mtime < 2 ** 31;
}
