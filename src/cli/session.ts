import type { RegistryClient } from '../registry/client.js';
import type { CredentialFinder } from '../registry/credentials.js';
import type { Artifacts } from '../run/artifacts.js';
import type { World } from '../run/world.js';
import type { Outcome } from './options.js';
import type { Owner } from './owner.js';

/** What a command's action gets to work with. */
export interface Session {
  readonly world: World;
  readonly artifacts: Artifacts;
  readonly owner: Owner;
  /**
   * Labels for a container that belongs to this run. From here on the run is known to live, since others remove the
   * containers of the dead; those of dead runs on this store are gone.
   */
  containerLabels(): Promise<Readonly<Record<string, string>>>;
  /** The way to image registries; loaded when a command wants it. */
  registry(): Promise<RegistryAccess>;
}

export interface RegistryAccess {
  readonly client: RegistryClient;
  readonly credentials: CredentialFinder;
}

/**
 * An action's result; `after` runs when everything is closed (builder containers gone, nothing of the store held, terminal
 * and signals free), and its outcome is the command's: for what may take hours, such as a development container. Until it
 * has ended the run counts as alive.
 */
export interface Result extends Outcome {
  readonly after?: () => Promise<Outcome>;
}
