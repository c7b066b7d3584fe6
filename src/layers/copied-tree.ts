import type { Entry } from '../archive/entry.js';
import { ancestorsOf } from '../archive/paths.js';
import { BLOCK, padding } from '../archive/tar-block.js';
import { compare } from '../core/record.js';

/** An entry that an instruction copies. */
export interface CopiedEntry {
  readonly entry: Entry;
  /** Of files: exactly `entry.size` bytes. */
  readonly content?: () => AsyncIterable<Uint8Array>;
  /** SHA-256 of the content in hex, where it is known unread. */
  readonly hash?: string;
}

/** Path → all that is to be known of the entry there, as one word. The folders above each path are in it too. */
export type CopiedTree = ReadonlyMap<string, string>;

/** What lies there when all is copied, the later over the earlier; undefined if some content is not known. */
export function copiedTree(entries: Iterable<CopiedEntry>): CopiedTree | undefined {
  const tree = new Map<string, string>();
  for (const one of entries) {
    const word = wordOf(one);
    if (word === undefined) return undefined;
    tree.set(one.entry.path, word);
  }
  return tree;
}

/**
 * The entries that make one tree the other when they lie on top; undefined where something is gone, which they would only hide,
 * or becomes of another kind.
 */
export function changeBetween(before: CopiedTree, after: CopiedTree): CopiedTree | undefined {
  const written = new Set<string>();
  for (const [path, word] of after) {
    const old = before.get(path);
    if (old === word) continue;
    if (old !== undefined && kindOf(old) !== kindOf(word)) return undefined;
    written.add(path);
  }
  for (const path of before.keys()) if (!after.has(path)) return undefined;
  // A folder of a layer hides the mode of that in a lower one.
  for (const path of written) for (const folder of ancestorsOf(path)) written.add(folder);
  return new Map([...written].sort(compare).map((path) => [path, after.get(path)!]));
}

/** Bytes of the tar entries of files and links. */
export function leafBytes(tree: CopiedTree): number {
  let sum = 0;
  for (const word of tree.values()) sum += kindOf(word) === DIRECTORY ? 0 : bytesOf(word);
  return sum;
}

/** Bytes of the tar of these entries. */
export function tarBytes(tree: CopiedTree): number {
  let sum = 0;
  for (const word of tree.values()) sum += bytesOf(word);
  return sum;
}

const DIRECTORY = 'd';

function wordOf({ entry, hash }: CopiedEntry): string | undefined {
  const { mode, uid, gid } = entry;
  const common = `${mode.toString(8)} ${uid} ${gid}`;
  switch (entry.type) {
    case 'directory':
      return `${DIRECTORY} ${common}`;
    case 'symlink':
      return `l ${common} ${entry.target}`;
    case 'file':
      return hash === undefined ? undefined : `f ${common} ${entry.size} ${hash}`;
    case 'hardlink':
      return undefined;
  }
}

function kindOf(word: string): string {
  return word[0] as string;
}

function bytesOf(word: string): number {
  if (kindOf(word) !== 'f') return BLOCK;
  const size = Number(word.split(' ')[4]);
  return BLOCK + size + padding(size);
}
