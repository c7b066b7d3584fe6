import type { EngineInfo } from './engine.js';
import type { Transport } from './transport.js';

/** The engine's connection as the files of this module share it. */
export interface Connection {
  readonly transport: Transport;
  /** Loading dockerode takes longer than a whole run with nothing to do: only calls that change something wait for it. */
  docker(): Promise<import('dockerode')>;
  info(): Promise<EngineInfo>;
}
