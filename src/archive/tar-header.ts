import type { Header } from 'tar-stream';
import type { Entry } from './entry.js';

const TYPE = { file: 'file', hardlink: 'link', symlink: 'symlink', directory: 'directory' } as const;
/** What tar-stream's header has room for: six octal digits. */
const MAX_OWNER = 0o777777;
/** It computes times in 32 bits. */
const MAX_TIME = 0x7fffffff;
const ASCII = /^[\x01-\x7f]*$/;
/** A bit beyond the permissions, which tar-stream masks off. Without it a mode of 0 would mean "the usual one" to it. */
const GIVEN = 0o100000;

export type WriteHeader = Pick<Header, 'name' | 'size' | 'mode' | 'uid' | 'gid' | 'mtime' | 'type'> & { readonly linkname?: string; readonly pax?: Readonly<Record<string, string>> };

/**
 * An entry as tar-stream's `pack` takes it: numeric owner, no names. It writes one ustar block, and pax records before it
 * for names that don't fit; here are those that it would cut or write in another form than POSIX.
 */
export function tarHeader(entry: Entry): WriteHeader {
  const target = entry.type === 'symlink' || entry.type === 'hardlink' ? entry.target : '';
  const pax: Record<string, string> = {};
  if (entry.uid > MAX_OWNER) pax['uid'] = String(entry.uid);
  if (entry.gid > MAX_OWNER) pax['gid'] = String(entry.gid);
  if (entry.mtime < 0 || entry.mtime > MAX_TIME) pax['mtime'] = String(entry.mtime);
  const inPax = Object.keys(pax).length > 0 || !ASCII.test(target) || (entry.type === 'directory' && !slashFits(entry.path));
  return {
    name: entry.type === 'directory' ? `${entry.path}/` : entry.path,
    size: entry.type === 'file' ? entry.size : 0,
    mode: GIVEN | entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtime: new Date(Math.min(Math.max(entry.mtime, 0), MAX_TIME) * 1000),
    type: TYPE[entry.type],
    ...(target === '' ? {} : { linkname: target }),
    ...(inPax ? { pax } : {}),
  };
}

/** A folder's slash must stay with its last segment: tar-stream would leave the name of 100 bytes empty. */
function slashFits(path: string): boolean {
  return path.length - path.lastIndexOf('/') <= 100;
}
