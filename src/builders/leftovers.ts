import type { Engine } from '../engine/engine.js';
import { LABELS } from './labels.js';

/**
 * Removes the containers of runs on this store that are no more, builders' and others'. Builders end by themselves with their
 * run; what can be left is one that was created and never started, or an engine that was killed at the same moment.
 */
export async function removeLeftovers(engine: Engine, store: string, isAlive: (run: string) => boolean): Promise<number> {
  const found = await engine.containers([`${LABELS.store}=${store}`]);
  const dead = found.filter(({ labels }) => !isAlive(labels[LABELS.run] ?? ''));
  await Promise.all(dead.map(({ id }) => engine.container(id).remove()));
  return dead.length;
}

/** Removes the images that such runs were to remove themselves. */
export async function removeLeftoverImages(engine: Engine, store: string, isAlive: (run: string) => boolean): Promise<void> {
  const found = await engine.images([LABELS.ahead, `${LABELS.store}=${store}`]);
  for (const { id, labels } of found) if (!isAlive(labels[LABELS.run] ?? '')) await engine.removeImage(id);
}
