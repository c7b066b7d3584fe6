import type { Context } from '../artifact/kind.js';
import type { PackageState } from '../core/events.js';
import type { PackageKey } from '../core/identity.js';
import type { Place } from '../core/place.js';
import type { CompileQueue } from './compile-queue.js';
import type { Credentials } from './credentials.js';
import type { Installing } from './installation.js';
import type { Interpreter } from './interpreter.js';
import type { Obtained } from './obtained.js';
import type { IndexOptions } from './requirement.js';

/** What every step on one requirement set works with. */
export interface Work {
  /** The artifact's name, for events. */
  readonly artifact: string;
  readonly context: Context;
  readonly interpreter: Interpreter;
  readonly options: IndexOptions;
  readonly credentials: Credentials;
  /** How packages came into the store during this process; whoever counts one takes it out. */
  readonly made: Map<PackageKey, 'fetched' | 'compiled'>;
  /** What is known to be in the store, found or made while planning. */
  readonly obtained: Map<PackageKey, Obtained>;
  /** Where the files name a package, by its name; not there for what they do not name. */
  readonly places: ReadonlyMap<string, Place>;
  /** Whose turn is first: that of the lowest group of layers (`artifact/spread.ts`). */
  readonly rank: (name: string, isHeavy: boolean) => number;
  /** Compilers running at once; downloads are bounded by the Http. */
  readonly compiling: CompileQueue;
  readonly installing: Installing;
}

export function emitPackage(work: Work, subject: string, state: PackageState): void {
  work.context.emit({ type: 'package', artifact: work.artifact, package: subject, state });
}
