import type { Readable } from 'node:stream';
import { putListing } from '../artifact/listing.js';
import type { Digest, PackageKey } from '../core/identity.js';
import { hashRecord, type Data } from '../core/record.js';
import type { Store, StoredBlob } from '../store/store.js';
import { isObject, isStrings } from './manifest.js';
import { parseDigest } from '../core/identity.js';
import type { Budget } from '../util/budget.js';
import { unpackingBytes, unpackPackage } from './unpack.js';

/** A package's files as a stored tar, paths relative to its folder, with what later steps must know of it. */
export interface Piece {
  readonly blob: Digest;
  /** Bytes. */
  readonly size: number;
  /** Which of the wanted commands' files are in it. */
  readonly bins: readonly string[];
  /** Wants an implicit `node-gyp rebuild`. */
  readonly gyp: boolean;
  /** Packages that lie in it: `node_modules/b`. */
  readonly bundled: readonly string[];
  /** What its package.json says that it was built for: `musl`; empty where it says nothing. */
  readonly libc: readonly string[];
}

/** Everything that decides about a piece: the tarball, which files are made executable, and the rules of unpacking. */
export function pieceKey(tarball: PackageKey, bins: ReadonlySet<string>): PackageKey {
  return hashRecord<PackageKey>({ format: 2, kind: 'node-piece', tarball, bins: [...bins].sort() });
}

export async function storedPiece(store: Store, key: PackageKey): Promise<Piece | undefined> {
  return parsePiece(await store.getRecord('pieces', key));
}

export interface MakePieceOptions {
  readonly key: PackageKey;
  readonly subject: string;
  readonly bins: ReadonlySet<string>;
  readonly memory: Budget;
}

export function makePiece(store: Store, tarball: Readable | Buffer, options: MakePieceOptions): Promise<Piece> {
  return options.memory.spend(unpackingBytes(tarball), () => unpackedPiece(store, tarball, options));
}

async function unpackedPiece(store: Store, tarball: Readable | Buffer, options: MakePieceOptions): Promise<Piece> {
  const { tarChunks } = await import('../archive/pack-tar.js');
  const { items, bins, gyp, bundled, libc, close } = await unpackPackage(tarball, options);
  try {
    const stored = await store.writeBlob(tarChunks(items), { subject: options.subject });
    const [piece] = await Promise.all([
      putPiece(store, options.key, { ...pieceOf(stored), bins, gyp, bundled, libc }),
      putListing(stored.digest, items.map(({ entry }) => entry), store),
    ]);
    return piece;
  } finally {
    await close();
  }
}

export async function putPiece(store: Store, key: PackageKey, piece: Piece): Promise<Piece> {
  await store.putRecord('pieces', key, { ...piece } as unknown as Data, { blobs: [piece.blob] });
  return piece;
}

export function pieceOf({ digest, size }: StoredBlob): Piece {
  return { blob: digest, size, bins: [], gyp: false, bundled: [], libc: [] };
}

function parsePiece(record: Data | undefined): Piece | undefined {
  if (!isObject(record)) return undefined;
  const { blob, size, bins, gyp, bundled, libc } = record;
  const digest = typeof blob === 'string' ? parseDigest(blob) : undefined;
  if (!digest || typeof size !== 'number' || !isStrings(bins) || typeof gyp !== 'boolean' || !isStrings(bundled) || !isStrings(libc)) return undefined;
  return { blob: digest, size, bins, gyp, bundled, libc };
}
