import { resolve } from 'node:path';
import type { Artifact, Built } from '../artifact/artifact.js';
import type { Context, KeyedRecord, Kind, KeyRecord, Planned } from '../artifact/kind.js';
import { sharedReading } from '../artifact/shared-reading.js';
import { groupOf, groupsBelowHeavy, spreadOf } from '../artifact/spread.js';
import type { PythonSpec } from '../config/project.js';
import type { Event } from '../core/events.js';
import type { Problem } from '../core/failure.js';
import { Failed } from '../core/failure.js';
import type { PackageKey, RequirementHash } from '../core/identity.js';
import type { Place } from '../core/place.js';
import { compare, hashRecord } from '../core/record.js';
import type { RecordEntry } from '../store/store.js';
import { CompileQueue } from './compile-queue.js';
import type { Conflict } from './conflicts.js';
import { credentialsOf } from './credentials.js';
import { inputFiles } from './input-files.js';
import type { Inputs } from './inputs.js';
import { readFiles, readInputs } from './inputs.js';
import type { Environment } from './installation.js';
import { createInstalling } from './installing.js';
import { interpreterOf } from './interpreter.js';
import type { LockedWheel, PythonLock } from './lock.js';
import { getLock, identityOf, putLock } from './lock.js';
import type { Obtained } from './obtained.js';
import { packagePart } from './package-part.js';
import { locate } from './resolve-pin.js';
import { settleAll } from './settle.js';
import { wantedOf } from './wanted.js';
import type { Work } from './work.js';

/** Python requirement sets: see README.md. What one run has made is remembered, so that it is counted once. */
export function createPythonKind(): Kind<PythonSpec> {
  const made: Work['made'] = new Map();
  const files = sharedReading(readFiles);
  return { plan: (spec, context) => plan(spec, context, { made, files }), inputs: async (spec, from) => inputFiles(spec, await files(spec, from)), locksOf };
}

/** What all planning of a run shares. */
interface Shared {
  readonly made: Work['made'];
  readonly files: typeof readFiles;
}

async function plan(spec: PythonSpec, context: Context, { made, files }: Shared): Promise<Planned> {
  const facts = await context.facts();
  const interpreter = interpreterOf(facts, spec.builder.value);
  const inputs = await readInputs(spec, context, { interpreter, files });
  const credentials = credentialsOf(inputs.options, inputs.requirements);
  const { prefix, compileBytecode } = spec;
  const installing = createInstalling({ settings: { prefix, compileBytecode }, work: () => work });
  const spread = spreadOf(inputs.requirements.length + inputs.locked.length);
  const work: Work = {
    artifact: spec.name, context, interpreter, options: inputs.options, credentials, made, places: placesOf(inputs),
    rank: (name, isHeavy) => (isHeavy ? groupsBelowHeavy(spread) - 0.5 : groupOf(name, spread)), compiling: new CompileQueue(context.jobs), installing, obtained: new Map(),
  };
  const platform = { os: facts.os, machine: facts.machine, libc: { ...facts.libc } };
  const inputKey = hashRecord<string>({ format: LOCK_FORMAT, kind: 'python', ...inputs.record, python: interpreter.record, platform, builder: context.builderKey });
  const lock = (await currentLock(inputKey, context)) ?? (await newLock(inputKey, { spec, inputs, work }));
  if (spec.strict) checkStrict(lock, spec);
  const record = {
    ...{ format: 2, kind: 'python', ...inputs.record, packages: unnamed(lock, inputs) },
    ...{ python: interpreter.record, platform, builder: context.builderKey },
    prefix,
    settings: { compileBytecode },
  } as unknown as KeyRecord;
  return {
    key: hashRecord<RequirementHash>(record),
    record,
    packageCount: lock.packages.length,
    build: () => build(lock, { spec, work }),
    missing: () => missing(lock, work),
  };
}

/** Of what a lock's key is made of; an artifact's record has a format of its own. */
const LOCK_FORMAT = 1;

/** An artifact's record is that of its lock's key and what came to it since. */
function locksOf(artifacts: readonly KeyedRecord[], locks: readonly RecordEntry[]): readonly string[] {
  const keys = new Set(artifacts.map(({ record: { packages: _packages, prefix: _prefix, settings: _settings, ...inputs } }) => hashRecord<string>({ ...inputs, format: LOCK_FORMAT })));
  return locks.map(({ key }) => key).filter((key) => keys.has(key));
}

function placesOf({ requirements, locked }: Inputs): ReadonlyMap<string, Place> {
  return new Map([...requirements, ...locked].flatMap(({ name, place }) => (name === undefined ? [] : [[name, place] as const])));
}

/** The stored lock, unless a file of this machine (find-links) that it was made from has other bytes now. */
async function currentLock(inputKey: string, { store, root }: Context): Promise<PythonLock | undefined> {
  const lock = await getLock(store, inputKey);
  const local = lock?.packages.flatMap(({ origin }) => (origin.kind === 'archive' && 'path' in origin.location ? [{ path: origin.location.path, sha256: origin.sha256 }] : [])) ?? [];
  if (local.length === 0) return lock;
  const { hashFile } = await import('./local-content.js');
  // A file that is gone is no change: the store has it.
  const found = await Promise.all(local.map(async ({ path, sha256 }) => (await hashFile(resolve(root, path)).catch(() => sha256)) === sha256));
  return found.includes(false) ? undefined : lock;
}

interface Locking {
  readonly spec: PythonSpec;
  readonly inputs: Inputs;
  readonly work: Work;
}

async function newLock(inputKey: string, { spec, inputs, work }: Locking): Promise<PythonLock> {
  const { makeLock } = await import('./make-lock.js');
  const { store, emit } = work.context;
  for (const problem of inputs.warnings) emit({ type: 'warning', problem });
  const make = async (): Promise<PythonLock> => {
    const found = await currentLock(inputKey, work.context);
    if (found !== undefined) return found;
    const lock = await makeLock({ inputs, work: quiet(work), strict: spec.strict }).catch(async (error: unknown) => {
      // What did arrive is installed all the same: the next run has only the rest to do.
      await work.installing.finish();
      throw error;
    });
    await putLock(store, inputKey, lock);
    return lock;
  };
  return store.withLock(`python-lock-${inputKey}`, make, (holder) => emit({ type: 'waiting', message: `${spec.name}: waiting for ${holder}, which is resolving the same requirements` }));
}

/** What is reused is told once, when the artifact is built. */
function quiet(work: Work): Work {
  const emit = (event: Event): void => {
    if (event.type !== 'package' || event.state !== 'reused') work.context.emit(event);
  };
  return { ...work, context: { ...work.context, emit } };
}

/** A lock that was made while strict was off does not pass for a strict one. */
function checkStrict(lock: PythonLock, spec: PythonSpec): void {
  const problems = lock.packages.filter(({ resolved }) => resolved).map(
    ({ name, version }): Problem => ({ reason: 'requirements', message: `${name} ${version} is needed and not pinned by the files of ${spec.name}`, place: spec.place, advice: `add ${name} to the requirement files` }),
  );
  if (problems.length > 0) throw new Failed(problems);
}

/** Packages whose content the files themselves do not name: what was resolved, what has no hash, what is local. */
function unnamed(lock: PythonLock, inputs: Inputs): Record<string, string> {
  const hashed = new Set([...inputs.requirements.filter(({ hashes }) => hashes.length > 0), ...inputs.locked].map(({ name }) => name));
  const open = lock.packages.filter(({ name, origin, resolved }) => resolved || origin.kind === 'tree' || (origin.kind === 'archive' && !hashed.has(name)));
  return Object.fromEntries(open.map(({ name, version, origin }) => [name, `${version} ${identityOf(origin)}`]));
}

interface Building {
  readonly spec: PythonSpec;
  readonly work: Work;
}

async function build(lock: PythonLock, { spec, work }: Building): Promise<Built> {
  const { obtained, failure } = await obtainLocked(lock, work);
  // What did arrive is installed all the same: the next run has only the rest to do.
  if (failure === undefined) work.installing.expect(obtained.map(({ wheel }) => wheel.name));
  const environment = await work.installing.environment(obtained).catch((error: unknown) => {
    if (failure === undefined || !(error instanceof Failed)) throw error;
    throw new Failed([...failure.problems, ...error.problems]);
  });
  if (failure !== undefined) throw failure;
  const { findConflicts } = await import('./conflicts.js');
  for (const conflict of await findConflicts(environment.pieces, work.context.store)) warnConflict(conflict, work);
  return { artifact: compose(obtained, environment, spec), packages: count(obtained, work) };
}

async function obtainLocked(lock: PythonLock, work: Work): Promise<{ readonly obtained: readonly Obtained[]; readonly failure?: Failed }> {
  const { obtain, obtainedBefore } = await import('./obtain.js');
  const tasks = lock.packages.map(async (locked) => {
    const before = obtainedBefore(locked, work);
    if (before !== undefined) return before;
    const place = work.places.get(locked.name);
    const wanted = wantedOf(locked, (location) => locate(location, work.context.root));
    return obtain(place === undefined ? wanted : { ...wanted, place }, work);
  });
  const failed = await settleAll(tasks).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof Failed) return error;
      throw error;
    },
  );
  const settled = await Promise.allSettled(tasks);
  const obtained = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  return failed === undefined ? { obtained } : { obtained, failure: failed };
}

/** The empty environment first, then the packages in the order of their names: the last one has a disputed path. */
function compose(obtained: readonly Obtained[], { skeleton, pieces }: Environment, spec: PythonSpec): Artifact {
  const packages = [...obtained].sort((a, b) => compare(a.wheel.name, b.wheel.name));
  const parts = packages.map((obtained) => packagePart(obtained, pieces.get(obtained.wheel.name) as (typeof skeleton), spec.prefix));
  const wheels = packages.map(({ wheel: { filename, blob, size } }) => ({ filename, blob, size })).sort((a, b) => compare(a.filename, b.filename));
  return { format: 1, kind: 'python', prefix: spec.prefix, parts: [{ at: spec.prefix, piece: skeleton.piece, size: skeleton.size }, ...parts], wheels };
}

function count(obtained: readonly Obtained[], { made }: Work): Built['packages'] {
  const taken = (key: PackageKey): 'fetched' | 'compiled' | 'reused' => {
    const how = made.get(key) ?? 'reused';
    made.delete(key);
    return how;
  };
  const counts = { total: obtained.length, reused: 0, fetched: 0, compiled: 0 };
  for (const { key } of obtained) counts[taken(key)] += 1;
  return counts;
}

function warnConflict({ path, packages }: Conflict, work: Work): void {
  const message = `${packages.join(' and ')} install different content at ${path}; the environment has that of ${packages.at(-1) as string}`;
  work.context.emit({ type: 'warning', problem: { reason: 'requirements', message } });
}

async function missing(lock: PythonLock, work: Work): Promise<readonly string[]> {
  const { keyOf } = await import('./obtain.js');
  const { getWheel } = await import('./wheel-record.js');
  const found = await Promise.all(lock.packages.map(async (locked) => [locked, await getWheel(work.context.store, keyOf(locked, work))] as const));
  return found.flatMap(([locked, wheel]: readonly [LockedWheel, unknown]) => (wheel === undefined ? [`${locked.name} ${locked.version}`] : []));
}
