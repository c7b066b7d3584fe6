import { Readable } from 'node:stream';
import type { Event } from '../core/events.js';
import { Failed, type Problem } from '../core/failure.js';
import { parseDigest, type Digest, type PackageKey } from '../core/identity.js';
import { CorruptBlob, MissingBlob } from '../store/store.js';
import { limiter } from '../util/limit.js';
import type { BinLink } from './bins.js';
import { fetchTarball, type FetchContext } from './fetch.js';
import { entryPlace } from './lock.js';
import { isObject } from './manifest.js';
import { makePiece, pieceKey, storedPiece, type Piece } from './piece.js';
import { markInert, title } from './select.js';
import { packageKey, sourceOf, type Source } from './source.js';
import type { TreeNode } from './tree.js';

/** A package's files, wanted at one or more places. */
export interface Unit {
  readonly nodes: readonly TreeNode[];
  readonly source: Source;
  readonly tarball: PackageKey;
  readonly key: PackageKey;
  /** Files to be made executable, relative to the package. */
  readonly bins: ReadonlySet<string>;
}

/**
 * What has to be there for these nodes: one unit for each package, however many places it is at. Packages that lie in
 * another's tarball belong to that one.
 */
export function unitsOf(nodes: readonly TreeNode[], links: readonly BinLink[], at: FetchContext): readonly Unit[] {
  const bins = new Map<TreeNode, Set<string>>();
  for (const { node, file } of links) {
    const owner = ownerOf(node);
    if (!bins.has(owner)) bins.set(owner, new Set());
    bins.get(owner)?.add(owner === node ? file : `${node.location.slice(owner.location.length + 1)}/${file}`);
  }
  const units = new Map<PackageKey, Unit & { readonly nodes: TreeNode[] }>();
  for (const node of nodes) {
    if (node.target || ownerOf(node) !== node) continue;
    const source = sourceOf(node, at.lock, at.registries);
    const tarball = packageKey(node, source, { builder: at.context.builderKey, scripts: at.mayRun(node) });
    const wanted = bins.get(node) ?? new Set();
    const key = pieceKey(tarball, wanted);
    const known = units.get(key);
    if (known) known.nodes.push(node);
    else units.set(key, { nodes: [node], source, tarball, key, bins: wanted });
  }
  return [...units.values()];
}

/** The package whose tarball a node's files come in. */
export function ownerOf(node: TreeNode): TreeNode {
  let owner = node;
  while (owner.entry.inBundle && owner.parent && owner.parent.location !== '') owner = owner.parent;
  return owner;
}

export interface Ensured {
  readonly pieces: ReadonlyMap<Unit, Piece>;
  /** Units that came over the network (or from a local tarball) just now. */
  readonly fetched: ReadonlySet<Unit>;
  readonly problems: readonly Problem[];
}

/** The units that the store has neither unpacked nor as a tarball. */
export async function missingUnits(units: readonly Unit[], at: FetchContext): Promise<readonly Unit[]> {
  const { store } = at.context;
  const missing = await Promise.all(units.map(async (unit) =>
    (await storedPiece(store, unit.key)) || (await storedTarball(unit, at)) ? undefined : unit));
  return missing.filter((unit) => unit !== undefined);
}

/**
 * Pieces of all units: taken from the store, unpacked from stored tarballs, or fetched, many at once. What fails is
 * collected, so that all others are finished and kept. An optional package that does not exist is left out, as npm does:
 * `onPiece` is told of it without a piece.
 */
export async function ensurePieces(units: readonly Unit[], at: FetchContext, onPiece?: (unit: Unit, piece: Piece | undefined) => void): Promise<Ensured> {
  const { context } = at;
  const limit = limiter(Math.max(context.jobs, FETCHES));
  const pieces = new Map<Unit, Piece>();
  const problems: Problem[] = [];
  const fetched = new Set<Unit>();
  const keep = (unit: Unit, piece: Piece): void => {
    pieces.set(unit, piece);
    onPiece?.(unit, piece);
  };
  await Promise.all(units.map(async (unit) => {
    const known = await storedPiece(context.store, unit.key);
    if (known) return keep(unit, known);
    await limit(async () => {
      context.signal.throwIfAborted();
      try {
        const made = await ensurePiece(unit, at);
        keep(unit, made.piece);
        if (made.fetched) fetched.add(unit);
      } catch (error) {
        const failures = failureOf(error, unit, at);
        problems.push(...failures);
        if (failures.length === 0) onPiece?.(unit, undefined);
      }
    });
  }));
  return { pieces, fetched, problems };
}

/** Waiting for answers costs nothing, so more are asked for than are worked on. */
const FETCHES = 12;

/** Under one of 256 locks: to make one for each package takes longer than to wait now and then for another's. */
async function ensurePiece(unit: Unit, at: FetchContext): Promise<{ readonly piece: Piece; readonly fetched: boolean }> {
  const { store, emit } = at.context;
  const onWait = (holder: string): void => emit({ type: 'waiting', message: `waiting for ${holder} to finish ${subjectOf(unit)} or another package` });
  return store.withLock(`node-${unit.key.slice(0, 2)}`, async () => {
    const known = await storedPiece(store, unit.key);
    if (known) return { piece: known, fetched: false };
    const stored = await unpackStored(unit, at);
    if (stored) return { piece: stored, fetched: false };
    event(unit, 'fetching', at);
    const { blob, bytes } = await fetchTarball(unit.nodes[0] as TreeNode, unit.source, at);
    await store.putRecord('packages', unit.tarball, { format: 1, blob: blob.digest, size: blob.size, name: subjectOf(unit) }, { blobs: [blob.digest] });
    const piece = await makePiece(store, bytes ?? (await store.readBlob(blob.digest)), { key: unit.key, subject: subjectOf(unit), bins: unit.bins, memory: at.memory });
    event(unit, 'fetched', at);
    return { piece, fetched: true };
  }, onWait);
}

/** The piece made of a tarball that is in the store already; undefined if it isn't, or is corrupt. */
async function unpackStored(unit: Unit, at: FetchContext): Promise<Piece | undefined> {
  const digest = await storedTarball(unit, at);
  if (!digest) return undefined;
  try {
    const source: Readable = await at.context.store.readBlob(digest);
    return await makePiece(at.context.store, source, { key: unit.key, subject: subjectOf(unit), bins: unit.bins, memory: at.memory });
  } catch (error) {
    if (error instanceof CorruptBlob || error instanceof MissingBlob) return undefined;
    throw error;
  }
}

async function storedTarball(unit: Unit, at: FetchContext): Promise<Digest | undefined> {
  const record = await at.context.store.getRecord('packages', unit.tarball);
  return isObject(record) && typeof record['blob'] === 'string' ? parseDigest(record['blob']) : undefined;
}

function failureOf(error: unknown, unit: Unit, at: FetchContext): readonly Problem[] {
  if (!(error instanceof Failed)) throw error;
  if (error.has('not-found') && unit.nodes.every((node) => node.flags.optional)) {
    for (const node of unit.nodes) markInert(node);
    for (const problem of error.problems) at.context.emit({ type: 'warning', problem: { ...problem, message: `${problem.message}; it is optional and left out` } });
    return [];
  }
  event(unit, 'failed', at);
  const [node] = unit.nodes as readonly [TreeNode];
  return error.problems.map((problem) => (problem.place ? problem : { ...problem, place: entryPlace(at.lock, node.location) }));
}

function event(unit: Unit, state: (Event & { type: 'package' })['state'], at: FetchContext): void {
  at.context.emit({ type: 'package', artifact: at.artifact, package: subjectOf(unit), state });
}

export function subjectOf(unit: Unit): string {
  return title(unit.nodes[0] as TreeNode);
}

