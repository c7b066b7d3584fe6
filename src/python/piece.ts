import { Readable } from 'node:stream';
import type { Entry } from '../archive/entry.js';
import { PieceScanner } from '../archive/scan-piece.js';
import { putListing } from '../artifact/listing.js';
import type { PackageKey } from '../core/identity.js';
import { parseDigest } from '../core/identity.js';
import { hashRecord } from '../core/record.js';
import type { StoredBlob, Store } from '../store/store.js';
import { directUrl } from './direct-url.js';
import type { EnvironmentSettings, PieceRecord } from './installation.js';
import type { Obtained } from './obtained.js';
import type { Work } from './work.js';

/** Part of every piece's key: to be raised with every change of what agent/install.py writes. */
const AGENT_VERSION = 3;

/** Installing depends on the wheel's bytes, where it goes, the interpreter that byte-compiles it, and our program. */
export function pieceKey({ wheel, locked }: Obtained, settings: EnvironmentSettings, work: Work): PackageKey {
  return hashRecord<PackageKey>({
    format: 1,
    kind: 'python-piece',
    agent: AGENT_VERSION,
    wheel: wheel.blob,
    prefix: settings.prefix,
    compile: settings.compileBytecode,
    python: work.interpreter.record,
    directUrl: directUrl(locked.origin),
  });
}

/** The key of the empty environment. */
export function skeletonKey(settings: EnvironmentSettings, work: Work): PackageKey {
  return hashRecord<PackageKey>({ format: 1, kind: 'python-skeleton', agent: AGENT_VERSION, prefix: settings.prefix, builder: work.context.builderKey, python: work.interpreter.record });
}

/** Format 1 named one more blob, a listing with hashes. */
export async function getPiece(store: Store, key: PackageKey): Promise<PieceRecord | undefined> {
  const value = (await store.getRecord('pieces', key)) as { readonly format: number; readonly piece: string; readonly size: number } | undefined;
  const piece = value === undefined || ![1, 2].includes(value.format) ? undefined : parseDigest(value.piece);
  return piece === undefined ? undefined : { format: 2, piece, size: value!.size };
}

/** A piece whose bytes are in the store; `putPiece` makes it count. */
export interface TakenPiece {
  readonly blob: StoredBlob;
  readonly entries: readonly Entry[];
}

/** Brings a piece that the builder made into the store, and looks at what goes by: it is untrusted. A stream is destroyed when the run is interrupted. */
export async function takePiece(content: AsyncIterable<Buffer>, subject: string, { store, signal }: Work['context']): Promise<TakenPiece> {
  const title = `piece of ${subject}`;
  const scanner = new PieceScanner(title);
  const stop = (): void => void (content instanceof Readable && content.destroy(signal?.reason as Error));
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const blob = await store.writeBlob(scanned(content, scanner), { subject: title, signal });
    return { blob, entries: scanner.end() };
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

async function* scanned(content: AsyncIterable<Buffer>, scanner: PieceScanner): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    scanner.feed(chunk);
    yield chunk;
  }
}

export async function putPiece(store: Store, key: PackageKey, { blob, entries }: TakenPiece): Promise<PieceRecord> {
  const record: PieceRecord = { format: 2, piece: blob.digest, size: blob.size };
  await putListing(blob.digest, entries, store);
  await store.putRecord('pieces', key, { ...record }, { blobs: [blob.digest] });
  return record;
}
