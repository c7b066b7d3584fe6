import { isDeepStrictEqual } from 'node:util';
import { hashRecord, type Data } from '../core/record.js';
import type { Engine, EngineInfo } from '../engine/engine.js';
import type { Store } from '../store/store.js';

/** What the engine at this address was the last time; an engine takes longer to say it than to load a small image. */
export async function readEngine(store: Store, { address }: Pick<Engine, 'address'>): Promise<EngineInfo | undefined> {
  const found = (await store.getRecord('probes', keyOf(address))) as unknown as { readonly format: 1; readonly info: EngineInfo } | undefined;
  return found?.format === 1 ? found.info : undefined;
}

export async function rememberEngine(store: Store, engine: Pick<Engine, 'address'>, info: EngineInfo): Promise<void> {
  const before = await readEngine(store, engine);
  if (before === undefined || !isSame(before, info)) await store.putRecord('probes', keyOf(engine.address), { format: 1, info } as unknown as Data);
}

export function isSame(one: EngineInfo, other: EngineInfo): boolean {
  return isDeepStrictEqual(one, other);
}

function keyOf(address: string): string {
  return `engine-${hashRecord(address)}`;
}
