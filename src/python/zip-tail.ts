import { inflateRawSync } from 'node:zlib';

/** Bytes at the end that hold the directory of nearly every wheel; many wheels are on their way at once. */
const TAIL = 512 * 1024;

/** Keeps the last bytes of a stream: a ZIP's directory is at its end, and a wheel's metadata is written last (PEP 427). */
export class Tail {
  /** Bytes seen so far. */
  size = 0;
  #chunks: Buffer[] = [];
  #held = 0;

  constructor(private readonly limit = TAIL) {}

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    this.size += chunk.length;
    while (this.#held - (this.#chunks[0] as Buffer).length >= this.limit) this.#held -= (this.#chunks.shift() as Buffer).length;
  }

  /** It holds the whole stream. */
  get complete(): boolean {
    return this.#held === this.size;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

export interface ZipMember {
  readonly name: string;
  /** In the file: where its own header starts, and a byte that is surely not before the end of its content. */
  readonly start: number;
  readonly end: number;
  /** Its content, out of the tail or of bytes of the file from `start` on; undefined if it is not there or packed in an unknown way. */
  read(bytes?: Buffer): Buffer | undefined;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
/** Far above any METADATA. */
const MEMBER_LIMIT = 16 * 1024 * 1024;
/** Of the fields that follow a name in a header; two bytes say how many. */
const MAX_EXTRA = 0xffff;

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
    const packed: Packed = { method: tail.readUInt16LE(header + 10), size: tail.readUInt32LE(header + 20) };
    const own = tail.readUInt32LE(header + 42);
    members.push({
      name,
      start: own,
      end: Math.min(size, own + 30 + nameLength + MAX_EXTRA + Math.min(packed.size, MEMBER_LIMIT)),
      read: (bytes) => (bytes !== undefined ? contentOf(bytes, packed) : own < start ? undefined : contentOf(tail.subarray(own - start), packed)),
    });
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

interface Packed {
  readonly method: number;
  /** Bytes, packed. */
  readonly size: number;
}

/** The content of the member whose own header `bytes` starts with. */
function contentOf(bytes: Buffer, { method, size }: Packed): Buffer | undefined {
  if (bytes.length < 30 || bytes.readUInt32LE(0) !== LOCAL) return undefined;
  const data = 30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
  if (data + size > bytes.length) return undefined;
  const packed = bytes.subarray(data, data + size);
  try {
    return method === 0 ? packed : method === 8 ? inflateRawSync(packed, { maxOutputLength: MEMBER_LIMIT }) : undefined;
  } catch {
    return undefined;
  }
}
