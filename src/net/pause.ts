import { setTimeout as sleep } from 'node:timers/promises';
import { Failed } from '../core/failure.js';
import { describe, failureOf, isTransient, RequestTrouble } from './explain.js';
import { hostOf } from './redact.js';
import type { HttpSettings } from './settings.js';

export interface Attempted {
  /** Attempts that failed so far, this one included. */
  readonly failures: number;
  readonly subject: string;
  /** As in "can't push …". Default `fetch`. */
  readonly verb?: string;
  readonly signal?: AbortSignal;
}

/** Waits before the next attempt, or throws what the user should see: the error is final, or there were too many. */
export type Pause = (error: unknown, attempted: Attempted) => Promise<void>;

export function createPause(settings: HttpSettings): Pause {
  return async (error, { failures, subject, verb = 'fetch', signal }) => {
    const interrupted = (cause: unknown) => new Failed({ reason: 'interrupted', message: `interrupted while ${verb}ing ${subject}` }, { cause });
    if (signal?.aborted === true) throw interrupted(error);
    if (!(error instanceof RequestTrouble)) throw error;
    const { trouble } = error;
    const retries = settings.retries ?? 3;
    // Each silent attempt costs a whole timeout, so there is only one more.
    const allowed = trouble.kind === 'silence' ? Math.min(retries, 1) : retries;
    const asked = trouble.kind === 'status' ? trouble.retryAfter : undefined;
    const longest = settings.longestPause ?? 60_000;
    if (!isTransient(trouble) || failures > allowed || (asked !== undefined && asked > longest)) throw failureOf(error, subject, verb);
    const wait = Math.min(asked ?? (settings.backoff ?? 500) * 2 ** (failures - 1), longest);
    settings.emit?.({ type: 'step', subject, message: `${hostOf(error.url)} ${describe(trouble)}; trying again in ${wait / 1000} s` });
    try {
      await sleep(wait, undefined, signal === undefined ? {} : { signal });
    } catch (cause) {
      throw interrupted(cause);
    }
  };
}
