import type { BuilderSettings, NetworkSettings } from '../config/project.js';
import type { Emit } from '../core/events.js';
import type { BuilderKey } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';
import type { Store } from '../store/store.js';

/** Everything that the builders of one run are made of. */
export interface BuildersOptions {
  readonly engine: Engine;
  readonly store: Store;
  readonly settings: BuilderSettings;
  readonly network: NetworkSettings;
  /** Who the project's folder belongs to. */
  readonly owner: { readonly uid: number; readonly gid: number; readonly name?: string | undefined };
  /** Absolute host paths. */
  readonly folders: {
    readonly root: string;
    readonly store: string;
    /** Package managers' caches, one folder per builder; survives runs. */
    readonly caches: string;
    /** Of this run alone. */
    readonly logs: string;
    /** Makes a new one where containers may write, which is removed with what is left of the run if that dies. */
    readonly temporary: () => Promise<string>;
  };
  /** This run among those on the same store: unique, and how to see whether another one lives. */
  readonly run: { readonly id: string; readonly host: string; readonly isAlive: (id: string) => boolean };
  /** Values of the variables that `settings.env` names; they enter every command and are masked. */
  readonly env: Readonly<Record<string, string>>;
  /** Other values that no log may show. */
  readonly secrets?: readonly string[];
  /** How files travel; `auto` tries whether bind mounts reach the engine. */
  readonly transport?: 'auto' | 'bind' | 'archive';
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Makes sure that the builder's image is there, and names it for the engine. */
  readonly resolveImage: (key: BuilderKey) => Promise<string>;
  /** A builder is to be asked what it is, and started for it: there is a second in which much else can be made ready. */
  readonly onUnknown?: () => void;
  /** How people know the builder, for progress; default its image. */
  readonly nameOf?: (key: BuilderKey) => string | undefined;
}
