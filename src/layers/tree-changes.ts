import { padding, BLOCK } from '../archive/tar-block.js';
import { ancestorsOf, below, parentOf, rooted } from '../archive/paths.js';
import type { Part } from '../artifact/artifact.js';
import type { Listed } from '../artifact/listing.js';
import { compare } from '../core/record.js';
import { foldersTo, idOf, isFolder, resolve, type Owner, type Tree } from './owners.js';
import { sameLeaves, type HashFiles } from './same-leaves.js';
import type { LayerPart } from './layer.js';

/** What makes one artifact's tree of another's. */
export interface Changes {
  /** What is new or other, each path by the part that it is of in the end. */
  readonly parts: readonly LayerPart[];
  /** Folders that are new or have another mode, and that none of `parts` brings. */
  readonly bare: readonly string[];
  /** Of the folders that `parts`, `bare` and `removed` need: those that are not 0755. */
  readonly modes: ReadonlyMap<string, number>;
  /** Folders that one of `parts` brings along. */
  readonly foldersOf: (part: LayerPart) => readonly string[];
  /** Topmost paths that are gone, sorted. */
  readonly removed: readonly string[];
  /** Bytes of tar that `parts` add, folders apart. */
  readonly added: number;
  /** Bytes of tar that are overridden or gone. */
  readonly wasted: number;
}

export type ListPart = (part: Part) => Promise<readonly Listed[]>;
export interface Reading {
  readonly prefix: string;
  readonly list: ListPart;
  readonly hash: HashFiles;
}

/**
 * Compares the trees that two lists of parts compose (see `walkArtifact`). Only parts that differ are listed, and those whose
 * place lies above something in them; of a part that became another at the same place, files of one size are hashed, since most
 * of a package stays what it was from one version to the next. A file where another part has a folder is `Failed` (reason `archive`).
 */
export async function treeChanges(from: readonly Part[], to: readonly Part[], { prefix, list, hash }: Reading): Promise<Changes> {
  const [before, after] = [withoutRepeats(from), withoutRepeats(to)];
  const common = inSameOrder(before, after);
  const touched = [...before, ...after].filter((part) => !common.has(idOf(part)));
  const listings = await listingsOf(touched, list);
  const root = rooted(prefix);
  if (before.length === 0) {
    const now = resolve(after, { listings, isAffected: (path) => isWithin(path, root) });
    return difference(NOTHING, now, { look: { common, listings, affected: now }, parts: after, same: new Set() });
  }
  const affected = affectedPaths(touched, listings, root);
  const neighbours = after.filter((part) => common.has(idOf(part)));
  for (const [id, listing] of await relevantListings(neighbours, affected, list)) listings.set(id, listing);
  const isAffected = (path: string): boolean => affected.has(path);
  const [old, now] = [resolve(before, { listings, isAffected }), resolve(after, { listings, isAffected })];
  return difference(old, now, { look: { common, listings, affected }, parts: after, same: await sameLeaves(old, now, { affected, hash }) });
}

const NOTHING: Tree = new Map();

/** A part that comes again later counts there only: it overrides all that it has. */
function withoutRepeats(parts: readonly Part[]): readonly Part[] {
  const last = new Map(parts.map((part, index) => [idOf(part), index]));
  return last.size === parts.length ? parts : parts.filter((part, index) => last.get(idOf(part)) === index);
}

/** Parts that both lists have and whose order among each other is the same. */
function inSameOrder(before: readonly Part[], after: readonly Part[]): Set<string> {
  const places = new Map(before.map((part, index) => [idOf(part), index]));
  const found = new Set<string>();
  let last = -1;
  for (const part of after) {
    const place = places.get(idOf(part));
    if (place === undefined || place < last) continue;
    found.add(idOf(part));
    last = place;
  }
  return found;
}

async function listingsOf(parts: readonly Part[], list: ListPart): Promise<Map<string, readonly Listed[]>> {
  const unique = [...new Map(parts.map((part) => [idOf(part), part])).values()];
  const found = new Map<string, readonly Listed[]>();
  for (let at = 0; at < unique.length; at += 16) {
    await Promise.all(unique.slice(at, at + 16).map(async (part) => found.set(idOf(part), await list(part))));
  }
  return found;
}

function affectedPaths(parts: readonly Part[], listings: ReadonlyMap<string, readonly Listed[]>, prefix: string): Set<string> {
  const affected = new Set<string>();
  const add = (path: string): void => void (isWithin(path, prefix) && affected.add(path));
  for (const part of parts) {
    const at = rooted(part.at);
    for (const folder of foldersTo(at)) add(folder);
    for (const [, path] of listings.get(idOf(part)) as readonly Listed[]) add(below(at, path));
  }
  return affected;
}

/** False for folders above the prefix. */
function isWithin(path: string, prefix: string): boolean {
  if (prefix === '' || (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/'))) return true;
  return prefix.startsWith(`${path}/`) ? false : outside(path, prefix);
}

function outside(path: string, prefix: string): never {
  throw new Error(`a part has /${path}, outside the artifact's prefix /${prefix}`);
}

/** The affected entries of these parts; those that lie where there are none are not listed. */
async function relevantListings(parts: readonly Part[], affected: ReadonlySet<string>, list: ListPart): Promise<Map<string, readonly Listed[]>> {
  const relative = new Map(parts.map(({ at }) => [rooted(at), new Set<string>()]));
  if (relative.size > 0) {
    for (const path of affected) {
      for (const place of ['', ...ancestorsOf(path)]) relative.get(place)?.add(place === '' ? path : path.slice(place.length + 1));
    }
  }
  const wantedOf = (part: Part): ReadonlySet<string> => relative.get(rooted(part.at)) as Set<string>;
  const found = await listingsOf(parts.filter((part) => wantedOf(part).size > 0), list);
  return new Map(parts.flatMap((part) => {
    const listing = found.get(idOf(part))?.filter(([, path]) => wantedOf(part).has(path));
    return listing === undefined ? [] : [[idOf(part), listing] as const];
  }));
}

/** What is known of the parts of two versions. */
interface Look {
  /** Parts that both have, in the same order. */
  readonly common: ReadonlySet<string>;
  /** Of those, the affected entries, where there are any; of others all. */
  readonly listings: ReadonlyMap<string, readonly Listed[]>;
  /** By path. */
  readonly affected: ReadonlySet<string> | Tree;
}

interface Compared {
  readonly look: Look;
  readonly parts: readonly Part[];
  /** Paths of files and links that are what they were. */
  readonly same: ReadonlySet<string>;
}

function difference(before: Tree, after: Tree, { look, parts, same }: Compared): Changes {
  const leaves = new Map<Part, string[]>();
  const folders: string[] = [];
  const modes = new Map<string, number>();
  const removed: string[] = [];
  let added = 0;
  let wasted = 0;
  for (const path of look.affected.keys()) {
    const old = before.get(path);
    const now = after.get(path);
    if (old !== undefined && !isFolder(old) && !same.has(path)) wasted += bytesOf(old);
    if (now === undefined) {
      const parent = after.get(parentOf(path));
      if (old !== undefined && (parent === undefined ? !look.affected.has(parentOf(path)) : isFolder(parent))) removed.push(path);
    } else if (isFolder(now)) {
      const mode = modeOf(now);
      if (mode !== USUAL) modes.set(path, mode);
      if (old === undefined || !isFolder(old) || modeOf(old) !== mode) folders.push(path);
    } else if (!same.has(path)) {
      added += bytesOf(now);
      const known = leaves.get(now.part);
      if (known === undefined) leaves.set(now.part, [pathOf(now)]);
      else known.push(pathOf(now));
    }
  }
  const changed = parts.flatMap((part) => {
    const own = leaves.get(part);
    return own === undefined ? [] : [layerPart(part, own.sort(compare), look)];
  });
  const brought = new Set(changed.flatMap((part) => foldersOf(part, look)));
  const bare = folders.filter((path) => !brought.has(path)).sort(compare);
  for (const path of [...bare, ...removed].flatMap(ancestorsOf)) brought.add(path);
  for (const path of bare) brought.add(path);
  const needed = [...modes].filter(([path]) => brought.has(path));
  return { parts: changed, bare, modes: new Map(needed), removed: removed.sort(compare), foldersOf: (part) => foldersOf(part, look), added, wasted };
}

const USUAL = 0o755;

/** `only` where the part has more than these leaves; a part of which not all is known is never taken whole. */
function layerPart(part: Part, leaves: readonly string[], { common, listings }: Look): LayerPart {
  const listing = listings.get(idOf(part)) as readonly Listed[];
  const isWhole = !common.has(idOf(part)) && listing.reduce((count, [type]) => (type === 'directory' ? count : count + 1), 0) === leaves.length;
  return isWhole ? part : { ...part, only: leaves };
}

/** Folders that a part of a layer brings along. */
function foldersOf(part: LayerPart, { listings }: Pick<Look, 'listings'>): string[] {
  const at = rooted(part.at);
  if (part.only !== undefined) return [...foldersTo(at), ...part.only.flatMap((path) => ancestorsOf(below(at, path)))];
  const own = (listings.get(idOf(part)) as readonly Listed[]).flatMap(([type, path]) => (type === 'directory' ? [below(at, path)] : []));
  return [...foldersTo(at), ...own];
}

function modeOf({ entry }: Owner): number {
  return entry === undefined ? USUAL : entry[2];
}

function pathOf({ entry }: Owner): string {
  return (entry as Listed)[1];
}

/** In a tar, with its header. */
function bytesOf({ entry }: Owner): number {
  const size = entry?.[0] === 'file' ? (entry[3] as number) : 0;
  return BLOCK + size + padding(size);
}
