import { setTimeout as sleep } from 'node:timers/promises';
import type { Emit } from '../core/events.js';
import { Failed } from '../core/failure.js';
import type { Engine, RegistryAuth } from '../engine/engine.js';
import type { RegistryClient } from '../registry/client.js';
import type { Manifest } from '../registry/manifest.js';
import type { Moved, ReadyImage } from './ready-image.js';

export interface EnginePushOptions {
  readonly engine: Pick<Engine, 'push' | 'image'>;
  readonly client: RegistryClient;
  readonly auth: RegistryAuth | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** The engine tries each layer several times itself; this is for what it gives up on. */
const RETRIES = 3;
const BACKOFF = 1000;

/** Lets the engine push the image's key tag. Asks the registry first, whose refusals then come in our words. */
export async function pushFromEngine({ name, repository, tags }: ReadyImage, options: EnginePushOptions): Promise<Moved & { readonly manifest: Manifest }> {
  const { engine, client, auth, emit, signal } = options;
  const reference = tags[0] as string;
  await client.checkPush(repository);
  for (let failures = 1; ; failures += 1) {
    const layers = new Map<string, string>();
    const onProgress = (line: string): void => {
      const [, id, status] = /^([0-9a-f]{12}): (Pushed|Layer already exists|Mounted from .*)$/.exec(line) ?? [];
      if (id !== undefined && status !== undefined) layers.set(id, status);
      emit({ type: 'log', subject: name, line });
    };
    try {
      const { digest } = await engine.push(reference, { onProgress, signal, ...(auth === undefined ? {} : { auth }) });
      const manifest = await client.getManifest(repository, digest);
      if (manifest === undefined) throw new Failed({ reason: 'registry', message: `the engine pushed ${reference}, but the registry has no manifest ${digest}` });
      return { manifest, ...moved(manifest, layers, (await engine.image(reference))?.layers ?? []) };
    } catch (error) {
      if (!(error instanceof Failed) || !error.has('registry') || signal.aborted) throw error;
      if (failures > RETRIES) throw advised(error);
      emit({ type: 'step', subject: name, message: `${error.message}; trying again in ${(BACKOFF * 2 ** (failures - 1)) / 1000} s` });
      await sleep(BACKOFF * 2 ** (failures - 1), undefined, { signal }).catch((cause: unknown) => {
        throw new Failed({ reason: 'interrupted', message: `interrupted while pushing ${reference}` }, { cause });
      });
    }
  }
}

/** The engine tells what it did by the beginning of a layer's diff id, or of its digest with a containerd store. */
function moved({ content, size }: Manifest, statuses: ReadonlyMap<string, string>, diffIds: readonly string[]): Moved {
  const layers = content.kind === 'image' ? content.layers : [];
  const counts = { uploadedBytes: content.kind === 'image' ? content.config.size : size, mountedBytes: 0, skippedBytes: 0 };
  layers.forEach((layer, index) => {
    const status = statuses.get(short(diffIds[index] ?? '')) ?? statuses.get(short(layer.digest));
    if (status === 'Pushed') counts.uploadedBytes += layer.size;
    else if (status?.startsWith('Mounted') === true) counts.mountedBytes += layer.size;
    else counts.skippedBytes += layer.size;
  });
  return counts;
}

function short(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12);
}

function advised(error: Failed): Failed {
  const advice = 'Run again: what was sent is kept there. If it stays so, see whether the engine reaches the registry (docker push)';
  return new Failed(error.problems.map((problem) => ({ advice, ...problem })), { cause: error });
}
