import { createGunzip } from 'node:zlib';
import { BLOCK } from '../archive/tar-block.js';
import { BuilderOnly } from './refusal.js';

const PACKED: readonly (readonly [string, string])[] = [
  ['425a68', 'bzip2'],
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'zstd'],
];
/** Enough of a gzip file for the first block of a tar to come out of it. */
const HEAD = 64 * 1024;

/** Whether ADD unpacks a file: a tar, plain or gzip, by its content and not by its name. Other compressions are the builder's. */
export async function isArchive(content: AsyncIterable<Uint8Array>): Promise<boolean> {
  const head = await headOf(content);
  const hex = head.subarray(0, 6).toString('hex');
  const packed = PACKED.find(([magic]) => hex.startsWith(magic));
  if (packed !== undefined) throw new BuilderOnly(`ADD of a file that is compressed with ${packed[1]}`);
  return isTarHeader(hex.startsWith('1f8b08') ? await unpackedHead(head) : head);
}

async function headOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= HEAD) break;
  }
  return Buffer.concat(chunks);
}

function unpackedHead(head: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const gunzip = createGunzip();
    const chunks: Buffer[] = [];
    const done = () => {
      gunzip.destroy();
      resolve(Buffer.concat(chunks));
    };
    gunzip.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (chunks.reduce((sum, { length }) => sum + length, 0) >= BLOCK) done();
    });
    // The head of a file is no whole one.
    gunzip.on('error', done).on('end', done).end(head);
  });
}

function isTarHeader(bytes: Buffer): boolean {
  if (bytes.length < BLOCK) return false;
  const written = /^ *([0-7]{1,7})[ \0]*$/.exec(bytes.toString('latin1', 148, 156));
  if (written === null) return false;
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK; at += 1) {
    const byte = at >= 148 && at < 156 ? 0x20 : bytes[at]!;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const sum = Number.parseInt(written[1]!, 8);
  return sum === unsigned || sum === signed;
}
