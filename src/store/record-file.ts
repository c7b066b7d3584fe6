import { createHash } from 'node:crypto';
import { parseDigest } from '../core/identity.js';
import { canonical } from '../core/record.js';
import type { Data } from '../core/record.js';
import type { Bucket, StoredBlob } from './store.js';

/** What a record file says. */
export interface RecordFile {
  readonly bucket: Bucket;
  readonly key: string;
  /** What the record needs, with sizes, so that a cut blob is noticed without reading it. */
  readonly blobs: readonly StoredBlob[];
  readonly value: Data;
}

const HEAD = '{"record":';
const TAIL = /^,"sha256":"([0-9a-f]{64})"\}\n$/;
const TAIL_LENGTH = ',"sha256":""}\n'.length + 64;

/** JSON with one member for the record, canonical, and one for the SHA-256 of that member's text. */
export function encodeRecord({ bucket, key, blobs, value }: RecordFile): string {
  const text = canonical({ blobs: blobs.map(({ digest, size }) => [digest, size]), bucket, key, value });
  return `${HEAD}${text},"sha256":"${sha256(text)}"}\n`;
}

/** undefined if the text is not, to the last byte, what `encodeRecord` made of this bucket and key. */
export function decodeRecord(text: string, bucket: Bucket, key?: string): RecordFile | undefined {
  const body = text.slice(HEAD.length, -TAIL_LENGTH);
  const hash = TAIL.exec(text.slice(-TAIL_LENGTH))?.[1];
  if (!text.startsWith(HEAD) || hash === undefined || sha256(body) !== hash) return undefined;
  // Our own text from here on: the hash has matched. Only its meaning may still be of another place or version.
  const record = JSON.parse(body) as { blobs: readonly [string, number][]; bucket: string; key: string; value: Data };
  if (record.bucket !== bucket || (key !== undefined && record.key !== key)) return undefined;
  const blobs: StoredBlob[] = [];
  for (const [hex, size] of record.blobs) {
    const digest = parseDigest(hex);
    if (digest === undefined) return undefined;
    blobs.push({ digest, size });
  }
  return { bucket, key: record.key, blobs, value: record.value };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
