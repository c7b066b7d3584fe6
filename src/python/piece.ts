import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { PieceReader } from '../archive/read-piece.js';
import { refuseEntry } from '../archive/refusal.js';
import { TreeGuard } from '../archive/tree-guard.js';
import type { PackageKey } from '../core/identity.js';
import { parseDigest } from '../core/identity.js';
import type { Data } from '../core/record.js';
import { compare, hashRecord } from '../core/record.js';
import type { StoredBlob, Store } from '../store/store.js';
import { chunks } from './command-output.js';
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
  const [forStore, forReading] = [chunks(), chunks()];
  content.pipe(forStore);
  content.pipe(forReading);
  const both = [forStore, forReading];
  // Where one gives up the other has nothing to wait for.
  const stop = (error: Error): never => {
    for (const stream of both) stream.destroy(error);
    throw error;
  };
  content.on('error', (error) => both.forEach((stream) => stream.destroy(error)));
  const stored = store.writeBlob(forStore, { subject: `piece of ${subject}`, signal });
  const [blob, lines] = await Promise.all([stored.catch(stop), listing(forReading, `piece of ${subject}`).catch(stop)]);
  return { blob, listing: lines.join('\n') };
}

export async function putPiece(store: Store, key: PackageKey, { blob, listing: text }: TakenPiece): Promise<PieceRecord> {
  const list = await store.writeBlob(Buffer.from(text), { subject: 'listing of a piece' });
  const record: PieceRecord = { format: 1, piece: blob.digest, size: blob.size, listing: list.digest };
  await store.putRecord('pieces', key, record as unknown as Data, { blobs: [blob.digest, list.digest] });
  return record;
}

/** Links of the skeleton lead to the interpreter, which is outside the tree. */
async function listing(piece: Readable, subject: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const reader = new PieceReader(piece, subject);
  const guard = new TreeGuard();
  try {
    for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
      const { entry } = next;
      const verdict = guard.admit(entry.path, entry.type);
      if (typeof verdict === 'object') refuseEntry(subject, entry.path, verdict.complaint);
      if (verdict === 'again') refuseEntry(subject, entry.path, 'is there twice');
      if (entry.type === 'hardlink') refuseEntry(subject, entry.path, 'is a hard link');
      if (entry.type === 'symlink') lines.push(`${createHash('sha256').update(entry.target).digest('hex')} ${entry.path}`);
      if (entry.type !== 'file') continue;
      const hash = createHash('sha256').update(entry.mode.toString(8));
      for (let chunk = await reader.some(); chunk !== undefined; chunk = await reader.some()) hash.update(chunk);
      lines.push(`${hash.digest('hex')} ${entry.path}`);
    }
  } finally {
    await reader.close();
  }
  return lines.sort((a, b) => compare(a.slice(65), b.slice(65)));
}
