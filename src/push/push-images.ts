import type { Emit } from '../core/events.js';
import { Failed, fail, type Problem } from '../core/failure.js';
import { parseReference } from '../docker/reference.js';
import type { Engine } from '../engine/engine.js';
import { findInRegistry } from '../images/in-registry.js';
import { presentImage } from '../images/presence.js';
import { registryAuth } from '../images/registry-auth.js';
import type { RegistryClient } from '../registry/client.js';
import type { CredentialFinder } from '../registry/credentials.js';
import type { Manifest, NewManifest } from '../registry/manifest.js';
import { sha256 } from '../registry/manifest.js';
import { repositoryAt } from '../registry/repository.js';
import { limiter, type Limit } from '../util/limit.js';
import { pushFromEngine } from './engine-push.js';
import { checkName } from './check-name.js';
import type { Moved, PushResult, ReadyImage } from './ready-image.js';
import { uploadImage } from './upload-image.js';

export interface PushDependencies {
  readonly engine: Pick<Engine, 'push' | 'image'>;
  readonly client: RegistryClient;
  readonly credentials: CredentialFinder;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Images at once. */
  readonly jobs: number;
  /** Milliseconds; for how long things took. */
  readonly now: () => number;
}

export interface Pushed {
  /** In the order in which they came. */
  readonly images: readonly PushResult[];
  readonly problems: readonly Problem[];
}

/** Blobs of images that are sent at once. */
const BLOBS_AT_ONCE = 4;

/**
 * Pushes images as they become ready. What the registry has under an image's key is not sent again: its manifest is put
 * under the other tags. One image that fails stops no other; an image waits for its parents where they are pushed too, so
 * that the registry can take over their layers.
 */
export async function pushImages(images: AsyncIterable<ReadyImage>, dependencies: PushDependencies): Promise<Pushed> {
  const { emit, now } = dependencies;
  const limit = limiter(Math.max(1, dependencies.jobs));
  const blobs = limiter(BLOBS_AT_ONCE);
  const pushes = new Map<string, Promise<PushResult | readonly Problem[]>>();
  for await (const image of images) {
    const parents = image.parents.flatMap((name) => pushes.get(name) ?? []);
    // Parents never wait for children, so those that hold a place get done.
    pushes.set(image.name, Promise.all(parents).then(() => limit(() => attempt(image))));
  }
  const outcomes = await Promise.all(pushes.values());
  return {
    images: outcomes.filter((outcome): outcome is PushResult => 'digest' in outcome),
    problems: distinct(outcomes.flatMap((outcome) => ('digest' in outcome ? [] : outcome))),
  };

  async function attempt(image: ReadyImage): Promise<PushResult | readonly Problem[]> {
    const started = now();
    emit({ type: 'push', name: image.name, state: 'started' });
    try {
      const result = await pushImage(image, dependencies, blobs);
      emit({ type: 'push', name: image.name, state: result.status, bytes: result.uploadedBytes, seconds: (now() - started) / 1000 });
      return result;
    } catch (error) {
      emit({ type: 'push', name: image.name, state: 'failed' });
      if (error instanceof Failed) return error.problems;
      throw error;
    }
  }
}

async function pushImage(image: ReadyImage, dependencies: PushDependencies, blobs: Limit): Promise<PushResult> {
  const { client } = dependencies;
  const { name, key, repository, tags } = image;
  checkName(image);
  const found = await findInRegistry(client, repository, key);
  const { manifest, own, ...moved } = found === undefined ? await send(image, dependencies, blobs) : { manifest: found, own: false, ...NOTHING };
  const digest = sha256(manifest.bytes);
  const [keyTag, ...others] = tags.map((tag) => parseReference(tag)?.tag as string) as [string, ...string[]];
  // The engine has set it already; where we sent the blobs ourselves it comes before all others.
  if (own) await client.putManifest(repository, keyTag, manifest);
  const changed = await Promise.all(others.map((tag) => setTag(client, { repository, tag, manifest, digest })));
  const status = found === undefined ? 'pushed' : changed.includes(true) ? 'retagged' : 'present';
  return { name, key, digest, tags, status, ...moved };
}

const NOTHING: Moved = { uploadedBytes: 0, mountedBytes: 0, skippedBytes: 0 };

interface Sent extends Moved {
  readonly manifest: NewManifest | Manifest;
  /** The blobs were sent by us, and the manifest has yet to be put. */
  readonly own: boolean;
}

async function send(image: ReadyImage, dependencies: PushDependencies, blobs: Limit): Promise<Sent> {
  const { engine, client, credentials, emit, signal } = dependencies;
  const { name, key, repository } = image;
  const source = await image.source?.();
  if (source !== undefined) return { ...(await uploadImage(client, repository, source, blobs)), own: true };
  if ((await presentImage(engine, repository, key)) === undefined) {
    fail({ reason: 'not-found', message: `the image "${name}" is neither on this engine nor in its registry as ${image.tags[0]}`, advice: `build it: artifacts images ${name}` });
  }
  const { registry } = repositoryAt(repository, []);
  return { ...(await pushFromEngine(image, { engine, client, auth: registryAuth(registry, await credentials(registry)), emit, signal })), own: false };
}

/** True if the tag was not there or named something else. */
async function setTag(client: RegistryClient, { repository, tag, manifest, digest }: { repository: string; tag: string; manifest: NewManifest; digest: string }): Promise<boolean> {
  if ((await client.headManifest(repository, tag))?.digest === digest) return false;
  await client.putManifest(repository, tag, manifest);
  return true;
}

/** Images of one registry often fail in the same words. */
export function distinct(problems: readonly Problem[]): Problem[] {
  const text = (problem: Problem): string => `${problem.message}\n${problem.advice ?? ''}`;
  return [...new Map(problems.map((problem) => [text(problem), problem])).values()];
}
