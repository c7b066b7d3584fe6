import type { Problem } from '../core/failure.js';
import type { Place } from '../core/place.js';
import type { Marker } from './marker.js';
import type { Specifier } from './specifier.js';

/** One requirement or constraint, as a requirement file, a lock or a package's metadata names it. */
export interface Requirement {
  /** Normalised by PEP 503. Absent where only the built package can tell: a bare path or URL without a telling file name. */
  readonly name?: string;
  /** Normalised, sorted, without duplicates. */
  readonly extras: readonly string[];
  /** Clauses in the order written; empty for any version and for every source but `index`. */
  readonly specifiers: readonly Specifier[];
  readonly source: RequirementSource;
  readonly marker?: Marker;
  /** `sha256:<hex>` and the like, sorted, lower case; empty where none is given. */
  readonly hashes: readonly string[];
  readonly editable: boolean;
  /** `--config-settings NAME=VALUE` of the line, in order. */
  readonly configSettings: readonly (readonly [name: string, value: string])[];
  /** `--global-option` of the line, in order. */
  readonly globalOptions: readonly string[];
  readonly place: Place;
}

/** Where a requirement is taken from. */
export type RequirementSource =
  | { readonly kind: 'index' }
  /** An archive: wheel, sdist or any source archive. */
  | { readonly kind: 'url'; readonly url: SourceUrl; readonly subdirectory?: string }
  | {
      readonly kind: 'vcs';
      readonly vcs: 'git' | 'hg' | 'svn' | 'bzr';
      /** Without the `git+` prefix, the `@revision` and the fragment. */
      readonly url: SourceUrl;
      readonly revision?: string;
      readonly subdirectory?: string;
    }
  | {
      readonly kind: 'path';
      /** Relative to the project's root where it lies below it (`.` is the root), else with leading `..`, or absolute. */
      readonly path: string;
      /** As the file name tells: `archive` for *.whl, *.tar.gz, *.zip …; the file system decides in the end. */
      readonly form: 'archive' | 'directory';
      readonly subdirectory?: string;
    };

/** A URL in two forms: one for fetching, one for showing. */
export interface SourceUrl {
  /** With credentials and with variables filled in; never shown, stored or hashed. */
  readonly url: string;
  /** Credentials removed, `${NAME}` instead of a variable's value; for keys, records, logs and errors. */
  readonly shown: string;
}

/** Options of requirement files that hold for the whole requirement set; a file's later value wins or adds, as in pip. */
export interface IndexOptions {
  /** Absent: the default index of the caller. */
  readonly indexUrl?: SourceUrl;
  readonly extraIndexUrls: readonly SourceUrl[];
  readonly noIndex: boolean;
  /** URLs, or paths in the form of a `path` source. */
  readonly findLinks: readonly ({ readonly url: SourceUrl } | { readonly path: string })[];
  readonly trustedHosts: readonly string[];
  /** `--pre` */
  readonly prereleases: boolean;
  readonly noBinary: FormatSelection;
  readonly onlyBinary: FormatSelection;
  readonly preferBinary: boolean;
  /** `--require-hashes`, or implied by one requirement having a hash (pip's rule). */
  readonly requireHashes: boolean;
  readonly useFeatures: readonly string[];
}

/** `--no-binary` and `--only-binary`: every package, or the normalised names (sorted). */
export type FormatSelection = 'all' | readonly string[];

/** Everything a requirement set's files say. */
export interface RequirementInput {
  /** In file order. */
  readonly requirements: readonly Requirement[];
  readonly constraints: readonly Requirement[];
  readonly options: IndexOptions;
  /** Every file that was read, relative to the root, in reading order. */
  readonly files: readonly string[];
  /** What pip ignores silently: words after options, a hash without a requirement. */
  readonly warnings: readonly Problem[];
}
