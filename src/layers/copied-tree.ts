import type { Entry } from '../archive/entry.js';
import { ancestorsOf, parentOf } from '../archive/paths.js';
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

/** What one layer says: its entries, and the topmost paths that it removes. */
export interface CopiedChange {
  readonly entries: CopiedTree;
  readonly removed: readonly string[];
}

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

/** The tree with a layer on top. */
export function withChange(tree: CopiedTree, { entries, removed }: CopiedChange): CopiedTree {
  const gone = new Set(removed);
  const kept = removed.length === 0 ? tree : [...tree].filter(([path]) => !gone.has(path) && !ancestorsOf(path).some((folder) => gone.has(folder)));
  return new Map([...kept, ...entries]);
}

/** What a layer has to say so that one tree becomes the other; undefined where something becomes of another kind. */
export function changeBetween(before: CopiedTree, after: CopiedTree): CopiedChange | undefined {
  const written = new Set<string>();
  for (const [path, word] of after) {
    const old = before.get(path);
    if (old === word) continue;
    if (old !== undefined && kindOf(old) !== kindOf(word)) return undefined;
    written.add(path);
  }
  const removed: string[] = [];
  for (const path of before.keys()) {
    if (!after.has(path) && (path.indexOf('/') === -1 || after.has(parentOf(path)))) removed.push(path);
  }
  // A folder of a layer hides the mode of that in a lower one.
  for (const path of [...written, ...removed]) for (const folder of ancestorsOf(path)) written.add(folder);
  return { entries: new Map([...written].sort(compare).map((path) => [path, after.get(path)!])), removed: removed.sort(compare) };
}

/** Bytes of the tar entries of files and links. */
export function leafBytes(tree: CopiedTree): number {
  let sum = 0;
  for (const word of tree.values()) sum += kindOf(word) === DIRECTORY ? 0 : bytesOf(word);
  return sum;
}

/** Bytes of the tar. */
export function tarBytes({ entries, removed }: CopiedChange): number {
  let sum = BLOCK * removed.length;
  for (const word of entries.values()) sum += bytesOf(word);
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
