import { inflateRawSync } from 'node:zlib';

/** Keeps the last bytes of a stream: a ZIP's directory is at its end, and a wheel's metadata is written last (PEP 427). */
export class Tail {
  /** Bytes seen so far. */
  size = 0;
  #chunks: Buffer[] = [];
  #held = 0;

  constructor(private readonly limit: number) {}

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    this.size += chunk.length;
    while (this.#held - (this.#chunks[0] as Buffer).length >= this.limit) this.#held -= (this.#chunks.shift() as Buffer).length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

export interface ZipMember {
  readonly name: string;
  /** Undefined if the member does not lie in the tail, or is compressed in an unknown way. */
  read(): Buffer | undefined;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
/** Far above any METADATA. */
const MEMBER_LIMIT = 16 * 1024 * 1024;

/**
 * The members of a ZIP of `size` bytes of which the last ones are given. Undefined if this is no ZIP, or its directory is
 * broken or starts before the tail. Names and bytes are untrusted.
 */
export function zipMembers(tail: Buffer, size: number): readonly ZipMember[] | undefined {
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end === -1 || end + 22 > tail.length || tail.readUInt32LE(end) !== END) return undefined;
  const start = size - tail.length;
  // Where a ZIP64 record says where the directory is, the directory still ends right before the end records.
  const at = directoryStart(tail, end) - start;
  const members: ZipMember[] = [];
  for (let entry = at; entry >= 0 && entry + 46 <= end && tail.readUInt32LE(entry) === ENTRY; ) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => tail.readUInt16LE(entry + offset)) as [number, number, number];
    const name = tail.toString('utf8', entry + 46, entry + 46 + nameLength);
    const header = entry;
    members.push({ name, read: () => readMember(tail, header, start) });
    entry += 46 + nameLength + extraLength + commentLength;
  }
  return at < 0 || members.length === 0 ? undefined : members;
}

function directoryStart(tail: Buffer, end: number): number {
  const offset = tail.readUInt32LE(end + 16);
  if (offset !== 0xffffffff) return offset;
  const record = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x06, 0x06]), end);
  return record === -1 || record + 56 > tail.length ? -1 : Number(tail.readBigUInt64LE(record + 48));
}

function readMember(tail: Buffer, header: number, start: number): Buffer | undefined {
  const method = tail.readUInt16LE(header + 10);
  const compressed = tail.readUInt32LE(header + 20);
  const at = tail.readUInt32LE(header + 42) - start;
  if (at < 0 || at + 30 > tail.length || tail.readUInt32LE(at) !== LOCAL) return undefined;
  const data = at + 30 + tail.readUInt16LE(at + 26) + tail.readUInt16LE(at + 28);
  if (data + compressed > tail.length) return undefined;
  const bytes = tail.subarray(data, data + compressed);
  try {
    return method === 0 ? bytes : method === 8 ? inflateRawSync(bytes, { maxOutputLength: MEMBER_LIMIT }) : undefined;
  } catch {
    return undefined;
  }
}
