import type { Place } from '../core/place.js';

/** A stage that only an engine's builder can make; it shows while it is assembled. No failure: the engine is asked then. */
export class NotThin extends Error {
  constructor(
    /** In words: `ADD of a git repository`. */
    readonly reason: string,
    readonly place: Place,
  ) {
    super(reason);
    this.name = 'NotThin';
  }
}
