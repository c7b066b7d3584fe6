import type { Place } from '../../core/place.js';
import type { SourceUrl } from '../requirement.js';

/**
 * One package that a lock file selects for one environment: markers, extras and groups are evaluated away already, so
 * every package of the list is to be installed, and each name occurs once.
 */
export interface LockedPackage {
  /** Normalised by PEP 503. */
  readonly name: string;
  /** Absent for source trees whose version is only known after a build. */
  readonly version?: string;
  readonly source: LockedSource;
  /** Extras of this package that the selection asks for; normalised, sorted. */
  readonly extras: readonly string[];
  /** Normalised names of the selected packages it depends on, sorted. Empty where the format does not say (pylock.toml may omit it). */
  readonly dependencies: readonly string[];
  /** True for the project itself and for other members of its workspace. */
  readonly member: boolean;
  readonly place: Place;
}

export type LockedSource =
  /** Files of an index; wheels first, in the file's order, then sdists. The caller picks the best one for its builder. */
  | { readonly kind: 'index'; readonly index?: SourceUrl; readonly files: readonly LockedFile[] }
  | { readonly kind: 'git'; readonly url: SourceUrl; readonly commit: string; readonly subdirectory?: string }
  /** One archive (wheel or sdist) at a URL outside any index. */
  | { readonly kind: 'url'; readonly file: LockedFile; readonly subdirectory?: string }
  /** Relative to the project's root, as in `RequirementSource`. */
  | {
      readonly kind: 'path';
      readonly path: string;
      readonly form: 'archive' | 'directory';
      readonly editable: boolean;
      readonly hashes: readonly string[];
      readonly subdirectory?: string;
    };

export interface LockedFile {
  readonly filename: string;
  /** Absent where the lock leaves it to the index (poetry.lock); a `path` instead for flat indexes on disk. */
  readonly url?: SourceUrl;
  readonly path?: string;
  /** `sha256:<hex>`, lower case, sorted. */
  readonly hashes: readonly string[];
  /** Bytes. */
  readonly size?: number;
}
