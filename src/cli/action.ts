import type { GlobalOptions, Outcome } from './options.js';

/** A command's work, loaded only when it is called: `artifacts --version` pays for none of them. */
export type Action = (options: GlobalOptions & Record<string, unknown>, args: readonly string[]) => Promise<Outcome>;
