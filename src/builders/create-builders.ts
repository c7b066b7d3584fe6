import type { BuilderKey } from '../core/identity.js';
import type { BuilderFacts, Builders } from './builder.js';
import type { BuildersOptions } from './builders-options.js';
import { factsFromData, factsFromOutput, factsToData } from './parse-facts.js';
import type { RunningBuilder } from './running-builder.js';

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

  const asked = new Map<BuilderKey, Promise<BuilderFacts>>();
  const facts = (key: BuilderKey): Promise<BuilderFacts> => {
    let answer = asked.get(key);
    if (answer === undefined) {
      answer = ask(key);
      asked.set(key, answer);
      answer.catch(() => asked.delete(key));
    }
    return answer;
  };

  const ask = async (key: BuilderKey): Promise<BuilderFacts> => {
    const known = factsFromData(await options.store.getRecord('builders', key));
    if (known !== undefined) return known;
    options.onUnknown?.();
    const builder = await open(key);
    options.emit({ type: 'step', subject: options.nameOf?.(key) ?? builder.image, message: 'asking the builder what it is' });
    const found = factsFromOutput(await builder.facts(), builder.image);
    await options.store.putRecord('builders', key, factsToData(found));
    return found;
  };

  let ending: Promise<unknown> = Promise.resolve();
  const release = async (): Promise<void> => {
    const running = [...opened.values()];
    opened.clear();
    const ended = Promise.allSettled(running).then((all) => Promise.all(all.map(async (builder) => (builder.status === 'fulfilled' ? await builder.value.close() : undefined))));
    ending = Promise.all([ending, ended]);
    await ending;
  };

  const close = async (): Promise<void> => {
    closed = true;
    await release();
  };

  return { open, facts, release, close };
}
