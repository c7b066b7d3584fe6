import type { Heredoc } from './heredoc.js';

/** Half-open range of offsets in the Dockerfile's text. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A piece of an instruction as written (quotes and variables included) and where. */
export interface Word extends Range {
  readonly text: string;
}

/** `--name=value`; `value` is undefined for a bare `--name`. Quotes are removed, variables are not expanded. */
export interface Flag extends Range {
  readonly name: string;
  readonly value?: string;
  /** Where the value is written. */
  readonly valueRange?: Range;
}

/** One instruction, syntax only. */
export interface Instruction extends Range {
  /** Upper case: `FROM`. */
  readonly keyword: string;
  readonly flags: readonly Flag[];
  /** All behind keyword and flags, continuations joined. */
  readonly text: string;
  /** The arguments: elements of the JSON form, else what white space separates. */
  readonly words: readonly Word[];
  /** The arguments were a JSON array of strings: no shell, and no expansion of quotes. */
  readonly json: boolean;
  readonly heredocs: readonly Heredoc[];
  /** What an ONBUILD holds. */
  readonly trigger?: Instruction;
}
