import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { FIXED_TIME } from '../archive/entry.js';
import { BLOCK, padding } from '../archive/tar-block.js';
import { headerBlocks } from '../archive/write-header.js';

/** A file of an image archive: its bytes, or where they come from when its turn has come. */
export interface ArchiveFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly content: Buffer | (() => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>);
}

/** A small file. */
export function archiveFile(path: string, content: Buffer): ArchiveFile {
  return { path, size: content.length, content };
}

/** The tar of these files, read only as fast as it is. Contents pass by without being copied; one of another size is a plain Error. */
export function archiveOf(files: AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>): Readable {
  return Readable.from(blocksOf(files), { objectMode: false, highWaterMark: 256 * 1024 });
}

async function* blocksOf(files: AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>): AsyncGenerator<Uint8Array> {
  for await (const { path, size, content } of files) {
    const header = headerBlocks({ type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size });
    if (Buffer.isBuffer(content)) {
      yield Buffer.concat([header, content, Buffer.alloc(padding(size))]);
      continue;
    }
    yield header;
    let left = size;
    for await (const chunk of await content()) {
      left -= chunk.length;
      if (left < 0) break;
      yield chunk;
    }
    if (left !== 0) throw new Error(`the content of ${path} is not of the size that was said (${size})`);
    yield Buffer.alloc(padding(size));
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** Lower-case hex. */
export function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
