import type { ImageSettings } from '../images/settings.js';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly file?: string;
  readonly store?: string;
  /** Of images where there is no project file. */
  readonly namespace?: string;
  readonly offline: boolean;
  readonly jobs?: number;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** File that gets every event of the run as a line of JSON. */
  readonly events?: string;
  /** Of commands that build images. */
  readonly imageSettings?: ImageSettings;
}

/** What a command hands back: data for --json, lines for people, problems (all that went wrong) and the status. */
export interface Outcome {
  /** Printed by --json as one object; problems are added by main. */
  readonly data: { readonly [member: string]: unknown };
  /** Lines on stdout without --json: the command's result, not its progress. */
  readonly lines?: readonly string[];
  readonly problems?: readonly import('../core/failure.js').Problem[];
  /** Overrides the status that follows from `problems`; for `dev`, which hands on its container's. */
  readonly status?: number;
}
