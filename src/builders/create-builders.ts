import type { NetworkSettings, BuilderSettings } from '../config/project.js';
import type { Emit } from '../core/events.js';
import type { BuilderKey } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';
import type { Store } from '../store/store.js';
import type { BuilderFacts, Builders } from './builder.js';
import { factsFromData, factsFromOutput, factsToData } from './parse-facts.js';
import type { RunningBuilder } from './running-builder.js';

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
}

/** Builder containers of one run. Nothing is started, and nothing heavy loaded, before a builder is opened. */
export function createBuilders(options: BuildersOptions): Builders {
  const opened = new Map<BuilderKey, Promise<RunningBuilder>>();
  let cleaned: Promise<unknown> | undefined;
  let closed = false;

  const start = async (key: BuilderKey): Promise<RunningBuilder> => {
    const { startBuilder, cleanUp } = await import('./start-builder.js');
    cleaned ??= cleanUp(options);
    const [image] = await Promise.all([options.resolveImage(key), cleaned]);
    return await startBuilder(options, { key, image });
  };

  const open = (key: BuilderKey): Promise<RunningBuilder> => {
    if (closed) return Promise.reject(new Error('a builder was opened after the run'));
    let builder = opened.get(key);
    if (builder === undefined) {
      builder = start(key);
      opened.set(key, builder);
      builder.catch(() => opened.delete(key));
    }
    return builder;
  };

  const facts = async (key: BuilderKey): Promise<BuilderFacts> => {
    const known = factsFromData(await options.store.getRecord('builders', key));
    if (known !== undefined) return known;
    const builder = await open(key);
    options.emit({ type: 'step', subject: builder.image, message: 'asking the builder what it is' });
    const found = factsFromOutput(await builder.facts(), builder.image);
    await options.store.putRecord('builders', key, factsToData(found));
    return found;
  };

  const close = async (): Promise<void> => {
    closed = true;
    const all = await Promise.allSettled(opened.values());
    opened.clear();
    await Promise.all(all.map(async (builder) => (builder.status === 'fulfilled' ? await builder.value.close() : undefined)));
  };

  return { open, facts, close };
}
