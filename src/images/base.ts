import type { Project } from '../config/project.js';
import { Failed, fail } from '../core/failure.js';
import type { Place } from '../core/place.js';
import { hashRecord, type Data } from '../core/record.js';
import { canonicalName, parseReference } from '../docker/reference.js';
import type { Engine, ImageInfo } from '../engine/engine.js';
import type { Emit } from '../core/events.js';
import type { CredentialFinder } from '../registry/credentials.js';
import { registryOf } from '../registry/docker-config.js';
import type { Store } from '../store/store.js';
import { nearest } from '../util/nearest.js';
import { oncePerKey } from '../util/once.js';
import type { ImageNode } from './node.js';
import { registryAuth } from './registry-auth.js';

/**
 * Which image a reference of somebody else's stands for. Recorded in the store when it was first seen, so that keys need
 * no engine and do not change behind the user's back.
 */
export interface BaseIdentity {
  /** `sha256:…` of the manifest in its registry; absent for an image that never was in one. */
  readonly digest?: string;
  /** The engine's id of it where it was seen. */
  readonly id: string;
  /** `linux/amd64` */
  readonly platform: string;
}

export interface BaseUse {
  readonly reference: string;
  readonly place: Place;
  /** Where the image asks for another than the engine's own. */
  readonly platform?: string;
}

export interface Bases {
  /** From the record; else from the engine, which pulls what it lacks. */
  identity(use: BaseUse): Promise<BaseIdentity>;
  /** Makes sure the engine has it. If it has another one than recorded the record is renewed: true. */
  verify(use: BaseUse): Promise<boolean>;
  /** Pulls it anew and renews the record; true if it changed. */
  refresh(use: BaseUse): Promise<boolean>;
}

export interface BasesDependencies {
  readonly project: Project;
  readonly engine: Engine;
  readonly store: Store;
  readonly emit: Emit;
  readonly offline: boolean;
  readonly signal: AbortSignal;
  readonly credentials?: CredentialFinder;
}

/** The images of somebody else that an image is built from. */
export function baseUses({ bases, spec }: ImageNode): BaseUse[] {
  return bases.map(({ reference, place }) => ({ reference, place, ...(spec.platform === undefined ? {} : { platform: spec.platform }) }));
}

/** What of an identity goes into keys: the same on every machine that pulled the same image. */
export function identityText({ digest, id, platform }: BaseIdentity): string {
  return `${digest ?? id} ${platform}`;
}

export function createBases({ project, engine, store, emit, offline, signal, credentials }: BasesDependencies): Bases {
  const known = new Map<string, BaseIdentity>();
  const once = oncePerKey<string, BaseIdentity>();
  return { identity, verify, refresh };

  function identity(use: BaseUse): Promise<BaseIdentity> {
    const key = recordKey(use);
    const found = known.get(key);
    if (found !== undefined) return Promise.resolve(found);
    return once(key, async () => {
      const recorded = parseIdentity(await store.getRecord('bases', key));
      if (recorded === undefined) return record(use, await present(use));
      known.set(key, recorded);
      return recorded;
    });
  }

  async function verify(use: BaseUse): Promise<boolean> {
    const before = await identity(use);
    const image = await present(use);
    const now = identityOf(image, use.reference);
    // The same image may have got a digest (or lost it) since: that is no other image.
    if (now.id === before.id && now.platform === before.platform) return false;
    if (now.digest !== undefined && now.digest === before.digest) return false;
    await record(use, image);
    emit({ type: 'step', subject: use.reference, message: 'is another image now: keys are computed anew' });
    return true;
  }

  async function refresh(use: BaseUse): Promise<boolean> {
    const before = parseIdentity(await store.getRecord('bases', recordKey(use)));
    const after = await record(use, await pull(use));
    return before === undefined || identityText(before) !== identityText(after);
  }

  async function present(use: BaseUse): Promise<ImageInfo> {
    return (await engine.image(use.reference)) ?? (await pull(use));
  }

  async function pull(use: BaseUse): Promise<ImageInfo> {
    const { reference, place, platform } = use;
    if (offline) {
      const advice = nearName(reference);
      return fail({
        // Most likely a mistake in the file, which ends a run before anything is built.
        reason: advice === undefined ? 'offline' : 'dockerfile',
        message: `the base image ${reference} is not on this engine, and pulling is switched off (offline)`,
        place,
        advice: advice ?? `run once without --offline, or load it: docker pull ${reference}`,
      });
    }
    emit({ type: 'step', subject: reference, message: 'pulling' });
    try {
      const registry = registryOf(parseReference(reference)?.registry ?? 'docker.io');
      const auth = registryAuth(registry, await credentials?.(registry));
      return await engine.pull(reference, { signal, ...(auth === undefined ? {} : { auth }), ...(platform === undefined ? {} : { platform }) });
    } catch (error) {
      if (!(error instanceof Failed) || error.has('interrupted')) throw error;
      const advice = nearName(reference);
      throw new Failed(
        error.problems.map((problem) => ({
          ...problem,
          place: problem.place ?? place,
          // Most likely a mistake in the file, which ends a run before anything is built.
          ...(advice === undefined ? {} : { reason: 'dockerfile' as const, advice }),
        })),
        { cause: error },
      );
    }
  }

  function nearName(reference: string): string | undefined {
    const name = parseReference(reference)?.name ?? reference;
    const near = nearest(name, project.images.keys()) ?? nearest(name, [...project.images.values()].map(({ repository }) => repository));
    return near === undefined ? undefined : `did you mean the project's image ${near}?`;
  }

  async function record(use: BaseUse, image: ImageInfo): Promise<BaseIdentity> {
    const found = identityOf(image, use.reference);
    await store.putRecord('bases', recordKey(use), { reference: use.reference, ...found }, { exists: 'replace' });
    known.set(recordKey(use), found);
    return found;
  }
}

function recordKey({ reference, platform }: BaseUse): string {
  return hashRecord({ reference, platform: platform ?? null });
}

/** Of several digests the one of the repository that was asked for. */
function identityOf(image: ImageInfo, reference: string): BaseIdentity {
  const wanted = parseReference(reference);
  const digests = image.repoDigests.flatMap((text) => {
    const parsed = parseReference(text);
    return parsed?.digest === undefined ? [] : [parsed];
  });
  const own = digests.find((digest) => wanted !== undefined && canonicalName(digest) === canonicalName(wanted));
  const digest = wanted?.digest ?? own?.digest;
  const variant = image.variant === undefined || image.variant === '' ? '' : `/${image.variant}`;
  return { id: image.id, platform: `${image.os}/${image.architecture}${variant}`, ...(digest === undefined ? {} : { digest }) };
}

function parseIdentity(data: Data | undefined): BaseIdentity | undefined {
  if (data === undefined || data === null || typeof data !== 'object' || Array.isArray(data)) return undefined;
  const { id, platform, digest } = data as { readonly [field: string]: Data };
  if (typeof id !== 'string' || typeof platform !== 'string') return undefined;
  return { id, platform, ...(typeof digest === 'string' ? { digest } : {}) };
}
