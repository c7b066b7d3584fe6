import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { readTar } from '../archive/read-tar.js';
import { fail } from '../core/failure.js';
import type { Digest, PackageKey } from '../core/identity.js';
import { parseDigest } from '../core/identity.js';
import type { Data } from '../core/record.js';
import { compare, hashRecord } from '../core/record.js';
import type { StoredBlob, Store } from '../store/store.js';
import { directUrl } from './direct-url.js';
import type { Obtained } from './obtain.js';
import type { Work } from './work.js';

/** Part of every piece's key: to be raised with every change of what agent/install.py writes. */
const AGENT_VERSION = 1;

/** An installed package, or the empty environment: bucket `pieces`. */
export interface PieceRecord {
  readonly format: 1;
  readonly piece: Digest;
  /** Bytes. */
  readonly size: number;
  /** A blob of lines `<sha256> <path>`, sorted: what the piece holds, for finding packages that overwrite each other. */
  readonly listing: Digest;
}

export interface EnvironmentSettings {
  readonly prefix: string;
  readonly compileBytecode: boolean;
}

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

export async function getPiece(store: Store, key: PackageKey): Promise<PieceRecord | undefined> {
  const value = (await store.getRecord('pieces', key)) as PieceRecord | undefined;
  return value?.format === 1 && parseDigest(value.piece) !== undefined && parseDigest(value.listing) !== undefined ? value : undefined;
}

/** A piece whose bytes are in the store; `record` makes it count. */
export interface TakenPiece {
  readonly blob: StoredBlob;
  readonly listing: string;
}

/** Brings a piece that the builder made into the store, read on the way as we read any archive. */
export async function takePiece(content: Readable, subject: string, { store, signal }: Work['context']): Promise<TakenPiece> {
  const [forStore, forReading] = [new PassThrough({ highWaterMark: 1 << 20 }), new PassThrough({ highWaterMark: 1 << 20 })];
  content.pipe(forStore);
  content.pipe(forReading);
  content.on('error', (error) => (forStore.destroy(error), forReading.destroy(error)));
  const [blob, lines] = await Promise.all([store.writeBlob(forStore, { subject: `piece of ${subject}`, signal }), listing(forReading, subject)]);
  return { blob, listing: lines.join('\n') };
}

export async function putPiece(store: Store, key: PackageKey, { blob, listing: text }: TakenPiece): Promise<PieceRecord> {
  const list = await store.writeBlob(Buffer.from(text), { subject: 'listing of a piece' });
  const record: PieceRecord = { format: 1, piece: blob.digest, size: blob.size, listing: list.digest };
  await store.putRecord('pieces', key, record as unknown as Data, { blobs: [blob.digest, list.digest] });
  return record;
}

/** Links of the skeleton lead to the interpreter, which is outside the tree. */
async function listing(piece: PassThrough, subject: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { entry, content } of readTar(piece, { subject: `piece of ${subject}`, links: 'keep', duplicates: 'refuse' })) {
    if (entry.type === 'hardlink') fail({ reason: 'archive', message: `the piece of ${subject} has a hard link` });
    if (entry.type === 'symlink') lines.push(`${createHash('sha256').update(entry.target).digest('hex')} ${entry.path}`);
    if (entry.type !== 'file') continue;
    const hash = createHash('sha256').update(entry.mode.toString(8));
    for await (const chunk of content) hash.update(chunk as Buffer);
    lines.push(`${hash.digest('hex')} ${entry.path}`);
  }
  return lines.sort((a, b) => compare(a.slice(65), b.slice(65)));
}
