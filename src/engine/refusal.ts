import { Failed } from '../core/failure.js';
import type { Problem } from '../core/failure.js';

/** The engine answered with an error status. Callers branch on `status`; `message` is the engine's, for people only. */
export class EngineRefusal extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
    this.name = 'EngineRefusal';
  }
}

/** The error's HTTP status, 0 if it is not a refusal. */
export function statusOf(error: unknown): number {
  return error instanceof EngineRefusal ? error.status : 0;
}

/** Runs a call; a refusal becomes a Failed that says what was asked. Other failures pass unchanged. */
export async function asking<T>(what: string, call: () => Promise<T>, reason: Problem['reason'] = 'engine'): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    throw new Failed({ reason, message: `the engine could not ${what}: ${error.message}`, ...adviceFor(reason, error.status) }, { cause: error });
  }
}

function adviceFor(reason: Problem['reason'], status: number): { readonly advice?: string } {
  if (reason === 'registry') return { advice: "check the image's name, and whether the engine reaches its registry (`docker pull`)" };
  if (reason !== 'engine') return {};
  if (status === 403) return { advice: 'ask who set up this engine: a plugin or a proxy before it forbids the call' };
  return status >= 500 ? { advice: "see the engine's log (`journalctl -u docker`)" } : {};
}

/** Runs a call; these statuses mean `otherwise`. */
export async function unless<T, U>(statuses: readonly number[], otherwise: U, call: () => Promise<T>): Promise<T | U> {
  try {
    return await call();
  } catch (error) {
    if (statuses.includes(statusOf(error))) return otherwise;
    throw error;
  }
}
