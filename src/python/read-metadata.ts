import type { Readable } from 'node:stream';
import type { Store, StoredBlob } from '../store/store.js';
import { normalizeName } from './name.js';
import { Tail, zipMembers } from './zip-tail.js';
import type { ZipMember } from './zip-tail.js';

const METADATA = /^[^/]+\.dist-info\/METADATA$/;
/** More than the directory of any wheel seen. */
const LONG_TAIL = 24 * 1024 * 1024;

export interface WheelEnd {
  readonly blob: StoredBlob;
  readonly tail: Tail;
  /** Normalised. */
  readonly project: string | undefined;
}

/**
 * The METADATA of a wheel in the store, out of its last bytes where it is there (PEP 427 wants it last). Else the wheel is
 * read again: only parts of it are ever held. Undefined if this is no wheel.
 */
export async function readMetadata({ blob, tail, project }: WheelEnd, store: Store): Promise<Buffer | undefined> {
  const member = metadataMember(tail, project) ?? (tail.complete ? undefined : metadataMember(await longTail(blob, store), project));
  return member?.read() ?? member?.read(await slice(await store.readBlob(blob.digest), member));
}

function metadataMember(tail: Tail, project: string | undefined): ZipMember | undefined {
  const found = zipMembers(tail.bytes(), tail.size)?.filter(({ name }) => METADATA.test(name));
  return found?.find(({ name }) => normalizeName(name.split('-')[0] as string) === project) ?? found?.[0];
}

async function longTail({ digest }: StoredBlob, store: Store): Promise<Tail> {
  const tail = new Tail(LONG_TAIL);
  for await (const chunk of await store.readBlob(digest)) tail.add(chunk as Buffer);
  return tail;
}

/** The bytes of a file from `start` to `end`. */
async function slice(file: Readable, { start, end }: Pick<ZipMember, 'start' | 'end'>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let position = 0;
  for await (const chunk of file as AsyncIterable<Buffer>) {
    if (position + chunk.length > start) parts.push(chunk.subarray(Math.max(0, start - position), end - position));
    position += chunk.length;
    if (position >= end) break;
  }
  return Buffer.concat(parts);
}
