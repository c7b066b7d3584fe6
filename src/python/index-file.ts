import type { SourceUrl } from './requirement.js';

/** One file that an index page, a folder or a lock offers for a package. */
export interface IndexFile {
  readonly filename: string;
  readonly location: FileLocation;
  /** `sha256:<hex>` and the like, lower case; may be empty. */
  readonly hashes: readonly string[];
  /** A specifier set as the index gives it. */
  readonly requiresPython?: string;
  readonly yanked: boolean;
  /** Position of the index among those asked: 0 is the first; decides between equal files. */
  readonly rank: number;
}

export type FileLocation =
  | { readonly kind: 'url'; readonly url: SourceUrl }
  /** A file on this machine: absolute, and as it may be shown and stored (relative to the project's root where it is below). */
  | { readonly kind: 'path'; readonly path: string; readonly shown: string };
