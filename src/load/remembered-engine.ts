import { isDeepStrictEqual } from 'node:util';
import { hashRecord, type Data } from '../core/record.js';
import type { Engine, EngineInfo } from '../engine/engine.js';
import type { Store } from '../store/store.js';

type Asked = Pick<Engine, 'address' | 'release'>;

/** A record of bucket `probes`, under `engine-<hash of an address>`. */
interface Remembered {
  readonly format: 1;
  readonly release: string;
  readonly info: EngineInfo;
}

/** What the engine at this address is, if its last answer came from the release that said so: an engine takes longer to say it than to load a small image. */
export async function readEngine(store: Store, engine: Asked): Promise<EngineInfo | undefined> {
  const found = await read(store, engine);
  return found !== undefined && found.release === (await engine.release()) ? found.info : undefined;
}

export async function rememberEngine(store: Store, engine: Asked, info: EngineInfo): Promise<void> {
  const release = await engine.release();
  if (release === undefined) return;
  const now: Remembered = { format: 1, release, info };
  if (!isDeepStrictEqual(await read(store, engine), now)) await store.putRecord('probes', keyOf(engine), now as unknown as Data);
}

async function read(store: Store, engine: Asked): Promise<Remembered | undefined> {
  const found = (await store.getRecord('probes', keyOf(engine))) as unknown as Remembered | undefined;
  return found?.format === 1 ? found : undefined;
}

function keyOf({ address }: Asked): string {
  return `engine-${hashRecord(address)}`;
}
