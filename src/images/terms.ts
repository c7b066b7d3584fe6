import type { Presence } from './presence.js';

/** What holds for all images of one build. */
export interface Terms {
  /** What the engine had before anything was built; without it, it is asked anew. */
  readonly presence?: Presence;
  /** Short names of those that may be built or tagged; default all. */
  readonly within?: ReadonlySet<string>;
  /** Short names of those that are built even if they are present. */
  readonly anew?: ReadonlySet<string>;
  /** Short name → why it can't be built, known beforehand. */
  readonly broken?: ReadonlyMap<string, Error>;
  /** Keys are not all computed: the engine's builder makes nothing yet, and what would need it fails. */
  readonly foreseen?: boolean;
}

/** What is known before keys are. */
export type ForeseenTerms = Required<Pick<Terms, 'presence'>> & Pick<Terms, 'within'>;

/** Not built because something that it needs was not; that failure is told where it happened. */
export class Skipped extends Error {}
