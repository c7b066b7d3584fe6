import type { Kind } from '../artifact/kind.js';
import type { Builders } from '../builders/builder.js';
import type { CommandSpec, NodeSpec, Project, PythonSpec } from '../config/project.js';
import type { Emit } from '../core/events.js';
import type { Engine } from '../engine/engine.js';
import type { ImagePlanner } from '../images/planner.js';
import type { Http } from '../net/http.js';
import type { LocalStore } from '../store/local.js';

/** Everything that a run works with; built by cli/wire.ts, faked by tests. */
export interface World {
  readonly project: Project;
  readonly store: LocalStore;
  readonly engine: Engine;
  readonly http: Http;
  readonly builders: Builders;
  readonly kinds: Kinds;
  readonly images: ImagePlanner;
  /** The host's environment; only names that the project file allows are ever read from it. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
  readonly offline: boolean;
  readonly jobs: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Kinds {
  readonly python: Kind<PythonSpec>;
  readonly node: Kind<NodeSpec>;
  readonly command: Kind<CommandSpec>;
}
