import type { Place } from '../core/place.js';
import type { FileLocation } from './index-file.js';
import type { LockedWheel } from './lock.js';
import type { SourceUrl } from './requirement.js';

/** A package whose file or commit is known, and that is to be in the store. */
export interface Wanted {
  /** Normalised; absent where only the built wheel can tell. */
  readonly name?: string;
  /** Absent where only the built wheel can tell. */
  readonly version?: string;
  readonly source: WantedSource;
  /** One of these must be the archive's: `sha256:<hex>` …; empty where nothing is pinned. */
  readonly hashes: readonly string[];
  readonly configSettings: readonly (readonly [string, string])[];
  readonly globalOptions: readonly string[];
  readonly resolved: boolean;
  readonly place?: Place;
}

export type WantedSource =
  | {
      readonly kind: 'archive';
      readonly format: 'wheel' | 'sdist';
      readonly filename: string;
      readonly location: FileLocation;
      readonly direct: boolean;
      readonly subdirectory?: string;
    }
  | { readonly kind: 'git'; readonly url: SourceUrl; readonly commit: string; readonly revision?: string; readonly subdirectory?: string }
  | { readonly kind: 'tree'; readonly path: string; readonly content: string; readonly subdirectory?: string };

/** For messages: `flask 3.1.0`, or what it is taken from while that is all we know. */
export function subjectOf(wanted: Pick<Wanted, 'name' | 'version' | 'source'>): string {
  const { name, version, source } = wanted;
  if (name !== undefined) return version === undefined ? name : `${name} ${version}`;
  return source.kind === 'archive' ? source.filename : source.kind === 'git' ? source.url.shown : source.path;
}

/** A locked package as something to get again. */
export function wantedOf(locked: LockedWheel, locate: (location: { readonly url: string } | { readonly path: string }) => FileLocation): Wanted {
  const { origin, ...rest } = locked;
  if (origin.kind === 'tree') return { ...rest, source: origin, hashes: [] };
  if (origin.kind === 'git') return { ...rest, source: { ...origin, url: { url: origin.url, shown: origin.url } }, hashes: [] };
  const { sha256, location, ...source } = origin;
  return { ...rest, source: { ...source, location: locate(location) }, hashes: [`sha256:${sha256}`] };
}
