import type { Digest } from '../core/identity.js';
import type { PackageCounts } from '../core/events.js';

/**
 * What a requirement set yields, as the store records it under its requirement hash: no bytes, but the list of stored
 * pieces that it is composed of. Composing it anew after one changed package touches that package's piece only.
 */
export interface Artifact {
  readonly format: 1;
  readonly kind: 'python' | 'node' | 'command';
  /** Absolute path in images. */
  readonly prefix: string;
  /** In order; where two parts hold the same path the later one wins, folders merge. */
  readonly parts: readonly Part[];
  /** Python only: the wheelhouse, sorted by file name. */
  readonly wheels?: readonly Wheel[];
}

/** One stored piece, put at one place. */
export interface Part {
  /** Where the piece's paths are rooted, absolute: `/opt/venv`, `/app/node_modules/lodash`. */
  readonly at: string;
  /** A deterministic tar: sorted, fixed time, owner 0:0, relative paths. See archive/README.md. */
  readonly piece: Digest;
  /** Bytes of the piece. */
  readonly size: number;
  /** The package it holds, `lodash 4.17.21`; absent for glue (links, venv skeleton). */
  readonly package?: string;
  /** The package is compiled, or its own scripts change it: it is there later than those that are only fetched. */
  readonly built?: true;
  /** It is much, which shows before it is made into a piece: it is made early, and lies low. */
  readonly heavy?: true;
}

export interface Wheel {
  readonly filename: string;
  readonly blob: Digest;
  readonly size: number;
}

/** An artifact made or found. */
export interface Built {
  readonly artifact: Artifact;
  readonly packages: PackageCounts;
}
