import type { Readable } from 'node:stream';
import type { Container, Engine } from '../engine/engine.js';

/** A container that is made to be looked into and never runs. */
export interface LookContainer {
  /** A tar of the path (rooted, without a leading slash), handed over while nobody else reads. Undefined if there is nothing. */
  read<T>(path: string, work: (tar: Readable) => Promise<T>): Promise<T | undefined>;
  /** Removes the container, if it was made. */
  close(): Promise<void>;
}

export interface LookOptions {
  /** By which containers of a run that died are found. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** The container is made at the first question. Questions wait for each other: an engine locks a container while it sends of it. */
export function lookContainer(engine: Engine, image: string, { labels = {} }: LookOptions = {}): LookContainer {
  let container: Promise<Container> | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  return { read, close };

  function read<T>(path: string, work: (tar: Readable) => Promise<T>): Promise<T | undefined> {
    const asked = turn.then(async () => {
      // The command is never run, but an image without one can't have a container.
      container ??= engine.createContainer({ image, command: ['-'], labels, network: 'none' });
      const tar = await (await container).getArchive(`/${path}`);
      if (tar === undefined) return undefined;
      try {
        return await work(tar);
      } finally {
        tar.destroy();
      }
    });
    turn = asked.catch(() => undefined);
    return asked;
  }

  async function close(): Promise<void> {
    await turn;
    const made = container;
    container = undefined;
    await (await made)?.remove();
  }
}
