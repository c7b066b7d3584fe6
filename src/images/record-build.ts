import type { Store } from '../store/store.js';
import { contextFiles } from './key.js';
import type { Planning } from './planning.js';

/** Remembers what an image was made of, for telling later why another one was made. */
export async function recordBuild(store: Store, planning: Planning, name: string): Promise<void> {
  const { key, record } = await planning.keyed(name);
  const { entries } = await planning.context(name);
  await store.putRecord('images', key, { name, record, files: contextFiles(entries) });
}
