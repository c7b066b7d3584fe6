import type { Artifacts } from '../run/artifacts.js';
import type { World } from '../run/world.js';
import type { Outcome } from './options.js';
import type { Owner } from './owner.js';

/** What a command's action gets to work with. */
export interface Session {
  readonly world: World;
  readonly artifacts: Artifacts;
  readonly owner: Owner;
  /** Labels of containers that belong to this run. */
  readonly runLabels: Readonly<Record<string, string>>;
}

/**
 * An action's result; `after` runs when everything is closed (builder containers gone, store released, terminal free), and
 * its outcome is the command's: for what may take hours, such as a development container.
 */
export interface Result extends Outcome {
  readonly after?: () => Promise<Outcome>;
}
