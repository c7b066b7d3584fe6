import type { MarkerEnvironment } from '../marker.js';
import type { LockText } from './lock-text.js';
import type { LockPlace } from './locked-files.js';

export interface LockOptions {
  /** Absolute path of the project's root. */
  readonly root: string;
  /** Of the builder's interpreter. */
  readonly variables: MarkerEnvironment['variables'];
  readonly extras: readonly string[];
  readonly groups: readonly string[];
  /** Text of a file beside the lock; undefined if there is none. poetry.lock before 2.1 needs its pyproject.toml. */
  readonly readBeside: (name: string) => Promise<string | undefined>;
  readonly allowOutside?: boolean;
}

/** What the readers of the formats get. */
export interface Reading {
  readonly lock: LockText;
  readonly place: LockPlace;
  readonly options: LockOptions;
}
