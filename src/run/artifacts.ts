import type { Artifact, Part } from '../artifact/artifact.js';
import type { Context, KeyRecord, Planned } from '../artifact/kind.js';
import type { ArtifactSpec } from '../config/project.js';
import type { PackageCounts } from '../core/events.js';
import { Failed } from '../core/failure.js';
import type { BuilderKey, Digest, RequirementHash } from '../core/identity.js';
import type { Data } from '../core/record.js';
import { artifactInputs } from '../images/artifact-inputs.js';
import { memoised } from '../util/memo.js';
import { ToldParts } from './told-parts.js';
import { unknownArtifact } from './unknown-artifact.js';
import type { World } from './world.js';

/** The artifacts of a project: their keys, whether they are there, and how to get them. Each is worked on once a run. */
export interface Artifacts {
  plan(name: string): Promise<Planned>;
  /** Files, folders and patterns below the root whose change reaches the artifact. */
  inputs(name: string): Promise<readonly string[]>;
  /** The stored artifact under the set's requirement hash, if there is one. */
  find(name: string): Promise<StoredArtifact | undefined>;
  /** Finds or makes it, with what it needs. */
  ensure(name: string): Promise<EnsuredArtifact>;
  /** Tells of the parts of an artifact while it is being made (`Context.onParts`), until what it returns is called. */
  parts(name: string, listener: (parts: readonly Part[]) => void): () => void;
  /** Forgets all keys: a base image turned out to be another one. */
  forget(): void;
}

/** An artifact's record in the store: the artifact beside the key record that its hash was made of. */
export interface StoredArtifact {
  readonly name: string;
  readonly record: KeyRecord;
  readonly artifact: Artifact;
}

export interface EnsuredArtifact {
  readonly name: string;
  readonly key: RequirementHash;
  readonly status: 'present' | 'built';
  readonly packages: PackageCounts;
  readonly artifact: Artifact;
  readonly seconds: number;
}

export function createArtifacts(world: World): Artifacts {
  const told = new ToldParts();
  /** Of plans: what an earlier one still makes is not told of. */
  let generation = 0;
  const plan = memoised(async (name: string): Promise<Planned> => {
    const spec = specOf(world, name);
    const builderKey = await world.images.builderKey(spec.builder);
    const current = generation;
    const context = contextOf(spec, builderKey, (parts) => current === generation && told.tell(name, parts));
    switch (spec.kind) {
      case 'python':
        return world.kinds.python.plan(spec, context);
      case 'node':
        return world.kinds.node.plan(spec, context);
      case 'command':
        return world.kinds.command.plan(spec, context);
    }
  });

  const inputs = memoised(async (name: string): Promise<readonly string[]> => {
    const spec = specOf(world, name);
    const from = { root: world.project.root, env: envOf(spec) };
    const { python, node } = world.kinds;
    const read = spec.kind === 'python' ? await python.inputs?.(spec, from) : spec.kind === 'node' ? await node.inputs?.(spec, from) : undefined;
    return [...new Set([...(await artifactInputs(world.project, name)), ...(read ?? [])])];
  });

  const find = async (name: string): Promise<StoredArtifact | undefined> => {
    const { key } = await plan(name);
    return (await world.store.getRecord('artifacts', key)) as StoredArtifact | undefined;
  };

  const ensure = memoised(async (name: string): Promise<EnsuredArtifact> => {
    const started = world.now();
    world.emit({ type: 'artifact', name, state: 'started' });
    try {
      const planned = await plan(name);
      const made = (await present(name, planned)) ?? (await make(name, planned));
      const seconds = (world.now() - started) / 1000;
      world.emit({ type: 'artifact', name, state: made.status, packages: made.packages, seconds });
      return { name, key: planned.key, ...made, seconds };
    } catch (error) {
      world.emit({ type: 'artifact', name, state: 'failed' });
      throw error;
    } finally {
      told.forget(name);
    }
  });

  async function present(name: string, planned: Planned) {
    const stored = await find(name);
    if (stored === undefined) return undefined;
    const total = planned.packageCount;
    return { status: 'present' as const, packages: { total, reused: total, fetched: 0, compiled: 0 }, artifact: stored.artifact };
  }

  function make(name: string, planned: Planned) {
    const work = async () => {
      // Somebody else may have made it while we waited.
      const found = await present(name, planned);
      if (found !== undefined) return found;
      const { artifact, packages } = await planned.build();
      const stored: StoredArtifact = { name, record: planned.record, artifact };
      await world.store.putRecord('artifacts', planned.key, stored as unknown as Data, { blobs: blobsOf(artifact) });
      return { status: 'built' as const, packages, artifact };
    };
    const waiting = (holder: string) =>
      world.emit({ type: 'waiting', message: `${name}: waiting for ${holder}, which is building the same artifact` });
    return world.store.withLock(`artifact-${planned.key}`, work, waiting);
  }

  function contextOf(spec: ArtifactSpec, builderKey: BuilderKey, onParts: (parts: readonly Part[]) => void): Context {
    return {
      root: world.project.root,
      store: world.store,
      http: world.http,
      network: world.project.network,
      builderKey,
      facts: () => world.builders.facts(builderKey),
      builder: () => world.builders.open(builderKey),
      env: envOf(spec),
      offline: world.offline,
      jobs: world.jobs,
      emit: world.emit,
      signal: world.signal,
      onParts,
      neededKey: async (name) => (await plan(name)).key,
      needed: async (name) => (await ensure(name)).artifact,
    };
  }

  function envOf(spec: ArtifactSpec): Record<string, string> {
    return allowed(world.hostEnv, [...world.project.builders.env, ...spec.env]);
  }

  const forget = () => {
    plan.forget();
    ensure.forget();
    told.forget();
    generation += 1;
  };
  return { plan, inputs, find, ensure, parts: (name, listener) => told.listen(name, listener), forget };
}

function specOf(world: World, name: string): ArtifactSpec {
  const spec = world.project.artifacts.get(name);
  if (spec !== undefined) return spec;
  throw new Failed(unknownArtifact(world.project, name));
}

/** Every blob that the artifact needs to be whole. */
export function blobsOf(artifact: Artifact): Digest[] {
  const digests = new Set(artifact.parts.map((part) => part.piece));
  for (const wheel of artifact.wheels ?? []) digests.add(wheel.blob);
  return [...digests];
}

function allowed(env: World['hostEnv'], names: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of names) {
    const value = env[name];
    if (value !== undefined) values[name] = value;
  }
  return values;
}
