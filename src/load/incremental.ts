import type { Engine, EngineInfo } from '../engine/engine.js';
import type { Store } from '../store/store.js';

/** What is known of an engine: whether it takes images without the layers that it has. */
export type Incremental = 'works' | 'refused' | 'untried';

/** The containerd store takes images with parts missing, and says so only since this API. */
const CONTAINERD_API = [1, 48] as const;

/** Remembered for each engine installation, version and image store. */
export async function readIncremental(store: Store, info: EngineInfo): Promise<Incremental> {
  if (info.imageStore === 'containerd' && !speaks(info)) return 'refused';
  const value = await store.getRecord('probes', keyOf(info));
  return value === 'works' || value === 'refused' ? value : 'untried';
}

export async function writeIncremental(store: Store, info: EngineInfo, value: 'works' | 'refused'): Promise<void> {
  await store.putRecord('probes', keyOf(info), value);
}

/** True if it can be asked to check that a loaded image is whole. */
function speaks({ apiVersion }: Pick<EngineInfo, 'apiVersion'>): boolean {
  const [major = 0, minor = 0] = apiVersion.split('.').map(Number);
  return major > CONTAINERD_API[0] || (major === CONTAINERD_API[0] && minor >= CONTAINERD_API[1]);
}

function keyOf({ id, version, imageStore }: Awaited<ReturnType<Engine['info']>>): string {
  return `incremental ${id} ${version} ${imageStore}`;
}
