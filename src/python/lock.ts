import type { Digest } from '../core/identity.js';
import type { Data } from '../core/record.js';
import type { Store } from '../store/store.js';

/**
 * The exact list of packages that a requirement set resolves to: bucket `locks`, under the input key. Only shown addresses
 * are in it, and paths relative to the project's root.
 */
export interface PythonLock {
  readonly format: 1;
  /** Sorted by name; each name once. */
  readonly packages: readonly LockedWheel[];
}

export interface LockedWheel {
  /** Normalised. */
  readonly name: string;
  readonly version: string;
  readonly origin: Origin;
  readonly configSettings: readonly (readonly [string, string])[];
  readonly globalOptions: readonly string[];
  /** Not pinned by the files: resolved by us, and so part of the requirement hash by version and hash. */
  readonly resolved: boolean;
}

/** Where a package comes from, identified by content. */
export type Origin = ArchiveOrigin | GitOrigin | TreeOrigin;

export interface ArchiveOrigin {
  readonly kind: 'archive';
  readonly format: 'wheel' | 'sdist';
  readonly filename: string;
  readonly sha256: Digest;
  readonly location: { readonly url: string } | { readonly path: string };
  /** Named by its URL or path and not by an index: pip and uv leave a direct_url.json (PEP 610). */
  readonly direct: boolean;
  readonly subdirectory?: string;
}

export interface GitOrigin {
  readonly kind: 'git';
  readonly url: string;
  /** Full. */
  readonly commit: string;
  readonly revision?: string;
  readonly subdirectory?: string;
}

/** A folder of the project, identified by a hash of its files. */
export interface TreeOrigin {
  readonly kind: 'tree';
  readonly path: string;
  readonly content: string;
  readonly subdirectory?: string;
}

export async function getLock(store: Store, inputKey: string): Promise<PythonLock | undefined> {
  const value = (await store.getRecord('locks', inputKey)) as Partial<PythonLock> | undefined;
  return value?.format === 1 && Array.isArray(value.packages) ? (value as PythonLock) : undefined;
}

/** Called only where there is no lock yet, or none that holds: whoever shares the store gets the same packages. */
export async function putLock(store: Store, inputKey: string, lock: PythonLock): Promise<void> {
  await store.putRecord('locks', inputKey, lock as unknown as Data);
}

/** What an origin is, in one word that changes when its content does; for key records. */
export function identityOf(origin: Origin): string {
  switch (origin.kind) {
    case 'archive':
      return `sha256:${origin.sha256}`;
    case 'git':
      return `git:${origin.commit}`;
    case 'tree':
      return `tree:${origin.content}`;
  }
}
