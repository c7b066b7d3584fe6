/**
 * One entry of an archive, with a checked path: relative, `/`-separated, without `.`/`..`/empty segments, without a
 * leading or trailing slash, NUL or backslash escapes. Only these four kinds exist for us; devices and fifos are refused.
 */
export type Entry = FileEntry | DirectoryEntry | SymlinkEntry | HardlinkEntry;

interface Common {
  readonly path: string;
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
}

export interface FileEntry extends Common {
  readonly type: 'file';
  /** Bytes. */
  readonly size: number;
}

export interface DirectoryEntry extends Common {
  readonly type: 'directory';
}

export interface SymlinkEntry extends Common {
  readonly type: 'symlink';
  /** As written; whether it stays inside a tree is the reader's policy. */
  readonly target: string;
}

export interface HardlinkEntry extends Common {
  readonly type: 'hardlink';
  /** Path of an earlier entry of the same archive. */
  readonly target: string;
}

/**
 * The one time of every file that we write: 1980-01-01T00:00:00Z in seconds. Earlier ones can't be held by ZIP, and with
 * one time for all, ordinary time-stamp .pyc files are deterministic.
 */
export const FIXED_TIME = 315_532_800;
