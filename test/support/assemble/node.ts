import { createHash } from 'node:crypto';
import { pack as tarPack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

/** One entry of a tar that a test writes. */
export interface TestEntry {
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink';
  readonly path: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly content?: Buffer;
  readonly target?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
}

interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
}

export function file(path: string, content: string | Buffer = path, attributes: Attributes = {}): TestEntry {
  return { type: 'file', path, content: Buffer.from(content), ...attributes };
}

export function folder(path: string, mode = 0o755, attributes: Attributes = {}): TestEntry {
  return { type: 'directory', path, mode, ...attributes };
}

export function link(path: string, target: string, attributes: Attributes = {}): TestEntry {
  return { type: 'symlink', path, target, ...attributes };
}

export function hardlink(path: string, target: string, attributes: Attributes = {}): TestEntry {
  return { type: 'hardlink', path, target, ...attributes };
}

const TYPES = { file: 'file', directory: 'directory', symlink: 'symlink', hardlink: 'link' } as const;

/** A tar, written with no help of the code under test. */
export async function tar(entries: readonly TestEntry[]): Promise<Buffer> {
  const pack = tarPack();
  const bytes = buffer(pack);
  for (const { type, path, mode, uid = 0, gid = 0, content, target, xattrs } of entries) {
    const pax = Object.fromEntries(Object.entries(xattrs ?? {}).map(([name, value]) => [`SCHILY.xattr.${name}`, value]));
    pack.entry(
      {
        name: type === 'directory' ? `${path}/` : path,
        type: TYPES[type],
        // A bit beyond the permissions, since tar-stream takes 0 for the usual mode.
        mode: 0o100000 | (mode ?? (type === 'directory' ? 0o755 : 0o644)),
        uid,
        gid,
        mtime: new Date(1_700_000_000_000),
        ...(target === undefined ? {} : { linkname: target }),
        ...(xattrs === undefined ? {} : { pax }),
      },
      content ?? Buffer.alloc(0),
    );
  }
  pack.finalize();
  return bytes;
}

export function gzip(bytes: Buffer): Buffer {
  return gzipSync(bytes, { level: 1 });
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
