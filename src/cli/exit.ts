/** Exit statuses of the command. */
export const EXIT = {
  done: 0,
  /** The user's problem: input, network, engine, disk. */
  problem: 1,
  /** Ours: a bug. */
  bug: 2,
} as const;

/** Ended by a signal: 128 + its number, as shells expect. */
export function signalExit(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): number {
  return 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal];
}
