import type { TestEntry } from './node.js';
import type { PARENTS } from './parents.js';

/** A Dockerfile that is built twice: by the code under test and by the engine. */
export interface Case {
  readonly name: string;
  /** Behind FROM lines; without a FROM of its own the parent's is put before it. */
  readonly text: string;
  readonly parent: keyof typeof PARENTS | 'scratch' | 'debian';
  readonly context?: readonly TestEntry[];
  readonly args?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** What is expected of both (`same`: that both are equal, or both fail), or of us alone: the stage is handed to the builder. */
  readonly outcome?: 'equal' | 'fails' | 'same' | 'not thin';
  /** The first engine whose BuildKit knows it. */
  readonly since?: number;
}
