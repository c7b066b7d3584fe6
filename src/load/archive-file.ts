import { createHash } from 'node:crypto';
import { FIXED_TIME } from '../archive/entry.js';
import type { PackItem } from '../archive/pack-tar.js';

/** A file of an image archive. */
export function archiveFile(path: string, content: Buffer): PackItem {
  return { entry: { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size: content.length }, content };
}

/** The same for a content of this many bytes that is read when its turn comes. */
export function archiveStream(path: string, size: number, content: AsyncIterable<Uint8Array>): PackItem {
  return { entry: { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size }, content };
}

/** Lower-case hex. */
export function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
