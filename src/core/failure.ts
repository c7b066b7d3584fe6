import type { Place } from './place.js';

/**
 * Why an expected failure happened. Callers branch on this word, never on a message.
 * Everything here is the user's world (input, network, engine, disk); a bug is an ordinary Error.
 */
export type Reason =
  | 'config' // project file
  | 'requirements' // requirement or lock file
  | 'dockerfile'
  | 'integrity' // a hash that does not match
  | 'registry' // a package or image registry answered wrongly or not at all
  | 'not-found' // a package, version, image or name that does not exist
  | 'offline' // network needed and forbidden
  | 'archive' // a package archive with unsafe or broken entries
  | 'unsupported' // valid input that this builder or version can't serve (engine-strict, no wheel, …)
  | 'compile' // a package that failed to compile or an install script that failed
  | 'command' // a command artifact that failed
  | 'build' // an image build that failed
  | 'engine' // not there, too old, gone
  | 'store' // unusable store
  | 'disk' // full or read-only
  | 'git'
  | 'interrupted'
  | 'usage';

/** One thing that went wrong, as facts; rendered at one place (cli). */
export interface Problem {
  readonly reason: Reason;
  /** One sentence without a full stop at its end, naming the thing. */
  readonly message: string;
  readonly place?: Place;
  /** A second place that explains the first ("first defined here"). */
  readonly related?: { readonly message: string; readonly place: Place };
  /** What to do about it; one sentence, imperative. */
  readonly advice?: string;
  /** Last lines of a log, or other evidence; printed indented. */
  readonly detail?: readonly string[];
}

/** An expected failure: one or more problems, all that are known at that point. */
export class Failed extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: Problem | readonly Problem[], options?: ErrorOptions) {
    const list = onceOfDisks(Array.isArray(problems) ? (problems as readonly Problem[]) : [problems as Problem]);
    super(list.map((problem) => problem.message).join('; '), options);
    this.name = 'Failed';
    this.problems = list;
  }

  /** True if some problem has this reason. */
  has(reason: Reason): boolean {
    return this.problems.some((problem) => problem.reason === reason);
  }
}

/** A full disk fails all that is at work, each at a folder of its own: what is wrong is told once. */
function onceOfDisks(problems: readonly Problem[]): readonly Problem[] {
  const told = new Set<string>();
  return problems.filter(({ reason, message }) => {
    if (reason !== 'disk') return true;
    const what = message.slice(message.lastIndexOf(': '));
    const isNew = !told.has(what);
    told.add(what);
    return isNew;
  });
}

/** Throws a Failed of one problem; typed `never` so that it can end an expression. */
export function fail(problem: Problem): never {
  throw new Failed(problem);
}

/** `interrupted`, unless the signal was aborted with a reason of the caller's own. */
export function abortReason(signal: AbortSignal): Error {
  if (signal.reason instanceof Failed) return signal.reason;
  return new Failed({ reason: 'interrupted', message: 'interrupted' }, { cause: signal.reason });
}
