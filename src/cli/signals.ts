import { setMaxListeners } from 'node:events';
import { signalExit } from './exit.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interruption {
  readonly signal: AbortSignal;
  /** The exit status that the signal asks for, once there was one. */
  status(): number | undefined;
  /** Stops listening; for commands that hand signals on themselves. */
  release(): void;
}

/**
 * The first signal asks the run to stop in good order (containers removed, finished work kept); a second one of the same
 * kind ends the process at once, as without us.
 */
export function onSignals(): Interruption {
  const controller = new AbortController();
  // Every fetch and every command of a run listens: hundreds of them are no leak.
  setMaxListeners(0, controller.signal);
  let status: number | undefined;
  const handlers = SIGNALS.map((name) => {
    const handler = () => {
      if (status !== undefined) process.exit(status);
      status = signalExit(name);
      controller.abort(new Error(name));
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  return {
    signal: controller.signal,
    status: () => status,
    release: () => {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}
