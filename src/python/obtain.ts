import { resolve } from 'node:path';
import { fail } from '../core/failure.js';
import type { PackageKey } from '../core/identity.js';
import { parseDigest } from '../core/identity.js';
import { compare } from '../core/record.js';
import type { Store, StoredBlob } from '../store/store.js';
import type { CompileInput, CompiledWheel } from './compile-wheel.js';
import { compileWheel } from './compile-wheel.js';
import { fetchArchive, offline } from './fetch-archive.js';
import type { LockedWheel, Origin } from './lock.js';
import { shownPath } from './index-client.js';
import { parseMetadata } from './metadata.js';
import type { Obtained } from './obtained.js';
import { readMetadata } from './read-metadata.js';
import { normalizeVersion } from './version.js';
import type { Wanted, WantedSource } from './wanted.js';
import { subjectOf } from './wanted.js';
import { parseWheelName } from './wheel-name.js';
import type { CompileSource, WheelRecord } from './wheel-record.js';
import { compiledWheelKey, getWheel, putWheel, readyWheelKey, sdistKey } from './wheel-record.js';
import type { Work } from './work.js';
import { emitPackage } from './work.js';

/** Finds the package's wheel in the store, or fetches or compiles it; its installation begins. */
export async function obtain(wanted: Wanted, work: Work): Promise<Obtained> {
  const obtained = await found(wanted, work);
  work.obtained.set(obtained.key, obtained);
  work.installing.begin(obtained);
  return obtained;
}

/** A locked package that was obtained while planning. */
export function obtainedBefore(locked: LockedWheel, work: Work): Obtained | undefined {
  const before = work.obtained.get(keyOf(locked, work));
  if (before === undefined) return undefined;
  if (!work.made.has(before.key)) emitPackage(work, `${before.wheel.name} ${before.wheel.version}`, 'reused');
  return { ...before, locked };
}

async function found(wanted: Wanted, work: Work): Promise<Obtained> {
  const { source } = wanted;
  if (wanted.name !== undefined && !(source.kind === 'archive' && source.format === 'wheel')) work.installing.builds(wanted.name);
  if (source.kind !== 'archive') return compiled(wanted, sourceOf(source), work);
  if (source.format === 'wheel') return readyWheel(wanted, source, work);
  const known = sha256Of(wanted);
  if (known !== undefined) {
    const key = compiledKey(wanted, { kind: 'archive', sha256: known }, work);
    const wheel = await getWheel(work.context.store, key);
    if (wheel !== undefined) return reused(wanted, { key, wheel, origin: archiveOrigin(source, known) }, work);
  }
  const come = work.compiling.expect();
  try {
    const blob = await sdist(wanted, source, work);
    const input: CompileInput = { kind: 'archive', filename: source.filename, blob, ...subdirectoryOf(source) };
    const wheel = compiled(wanted, { identity: { kind: 'archive', sha256: blob.digest }, input, origin: archiveOrigin(source, blob.digest) }, work);
    come();
    return await wheel;
  } finally {
    come();
  }
}

/** The key of a locked package's wheel, for asking whether the store has it. */
export function keyOf(locked: LockedWheel, work: Work): PackageKey {
  const { origin } = locked;
  if (origin.kind === 'archive' && origin.format === 'wheel') return readyWheelKey(origin.sha256);
  const identity: CompileSource =
    origin.kind === 'archive' ? { kind: 'archive', sha256: origin.sha256 } : origin.kind === 'git' ? { kind: 'git', url: origin.url, commit: origin.commit } : { kind: 'tree', content: origin.content };
  return compiledKey({ ...locked, source: { ...subdirectoryOf(origin) } }, identity, work);
}

type Archive = Extract<WantedSource, { kind: 'archive' }>;

/** The archive's SHA-256 where the pins leave only one. */
function sha256Of({ hashes }: Wanted): WheelRecord['blob'] | undefined {
  return hashes.length === 1 && hashes[0]?.startsWith('sha256:') === true ? parseDigest(hashes[0].slice('sha256:'.length)) : undefined;
}

async function readyWheel(wanted: Wanted, source: Archive, work: Work): Promise<Obtained> {
  const { store } = work.context;
  const known = sha256Of(wanted);
  const found = known === undefined ? undefined : await getWheel(store, readyWheelKey(known));
  if (found !== undefined && known !== undefined) return reused(wanted, { key: readyWheelKey(known), wheel: found, origin: archiveOrigin(source, known) }, work);
  const subject = subjectOf(wanted);
  const fetch = async (): Promise<Obtained> => {
    const again = known === undefined ? undefined : await getWheel(store, readyWheelKey(known));
    if (again !== undefined && known !== undefined) return reused(wanted, { key: readyWheelKey(known), wheel: again, origin: archiveOrigin(source, known) }, work);
    emitPackage(work, subject, 'fetching');
    work.installing.prepare();
    try {
      const { blob, tail } = await fetchArchive(wanted, source, work);
      const wheel = await wheelRecord(wanted, { filename: source.filename, blob, tail }, store);
      const key = readyWheelKey(blob.digest);
      await putWheel(store, key, wheel);
      work.made.set(key, 'fetched');
      emitPackage(work, subject, 'fetched');
      return { locked: lockedOf(wanted, wheel, archiveOrigin(source, blob.digest)), key, wheel };
    } catch (error) {
      emitPackage(work, subject, 'failed');
      throw error;
    }
  };
  return store.withLock(`python-${source.filename}`, fetch, waiting(work, subject));
}

interface CompileJob {
  readonly identity: CompileSource;
  readonly input: CompileInput;
  readonly origin: Origin;
}

function sourceOf(source: Exclude<WantedSource, Archive>): (wanted: Wanted, work: Work) => CompileJob {
  return (_, work) => {
    const part = subdirectoryOf(source);
    if (source.kind === 'git') {
      const { url, commit, revision } = source;
      const origin: Origin = { kind: 'git', url: url.shown, commit, ...(revision === undefined ? {} : { revision }), ...part };
      return { identity: { kind: 'git', url: url.shown, commit }, input: { kind: 'git', url: url.url, commit, ...part }, origin };
    }
    const { path, content } = source;
    return {
      identity: { kind: 'tree', content },
      input: { kind: 'tree', dir: resolve(work.context.root, path), ...part },
      origin: { kind: 'tree', path, content, ...part },
    };
  };
}

async function compiled(wanted: Wanted, from: CompileJob | ((wanted: Wanted, work: Work) => CompileJob), work: Work): Promise<Obtained> {
  const { identity, input, origin } = typeof from === 'function' ? from(wanted, work) : from;
  const { store } = work.context;
  const key = compiledKey(wanted, identity, work);
  const subject = subjectOf(wanted);
  const compile = async (): Promise<Obtained> => {
    const found = await getWheel(store, key);
    if (found !== undefined) return reused(wanted, { key, wheel: found, origin }, work);
    if (input.kind === 'git' && work.context.offline) offline(wanted);
    emitPackage(work, subject, 'compiling');
    try {
      const wheel = await wheelRecord(wanted, await compileWheel(wanted, input, work), store);
      await putWheel(store, key, wheel);
      work.made.set(key, 'compiled');
      emitPackage(work, subject, 'compiled');
      return { locked: lockedOf(wanted, wheel, origin), key, wheel };
    } catch (error) {
      emitPackage(work, subject, 'failed');
      throw error;
    }
  };
  const size = input.kind === 'archive' ? input.blob.size : Infinity;
  return work.compiling.run(size, () => store.withLock(`python-${key}`, compile, waiting(work, subject)));
}

/** The source distribution in the store; kept by a record of its own, so that it outlives the wheel made of it. */
async function sdist(wanted: Wanted, source: Archive, work: Work): Promise<StoredBlob> {
  const { store } = work.context;
  const known = sha256Of(wanted);
  if (known !== undefined) {
    const record = (await store.getRecord('packages', sdistKey(known))) as { readonly size?: unknown } | undefined;
    if (typeof record?.size === 'number') return { digest: known, size: record.size };
  }
  emitPackage(work, subjectOf(wanted), 'fetching');
  const { blob } = await fetchArchive(wanted, source, work);
  await store.putRecord('packages', sdistKey(blob.digest), { format: 1, blob: blob.digest, size: blob.size, filename: source.filename }, { blobs: [blob.digest] });
  return blob;
}

function compiledKey(wanted: CompileSettings, identity: CompileSource, work: Work): PackageKey {
  return compiledWheelKey({
    source: identity,
    subdirectory: wanted.source.subdirectory,
    builder: work.context.builderKey,
    python: work.interpreter.record,
    configSettings: wanted.configSettings,
    globalOptions: wanted.globalOptions,
    env: Object.keys(work.context.env).sort(compare),
  });
}

interface CompileSettings {
  readonly source: { readonly subdirectory?: string };
  readonly configSettings: readonly (readonly [string, string])[];
  readonly globalOptions: readonly string[];
}

function archiveOrigin(source: Archive, sha256: WheelRecord['blob']): Origin {
  const { location, ...rest } = source;
  return { ...rest, sha256, location: location.kind === 'url' ? { url: location.url.shown } : { path: location.shown } };
}

function reused(wanted: Wanted, { key, wheel, origin }: { readonly key: PackageKey; readonly wheel: WheelRecord; readonly origin: Origin }, work: Work): Obtained {
  if (!work.made.has(key)) emitPackage(work, `${wheel.name} ${wheel.version}`, 'reused');
  return { locked: lockedOf(wanted, wheel, origin), key, wheel };
}

function lockedOf(wanted: Wanted, wheel: WheelRecord, origin: Origin): LockedWheel {
  return { name: wheel.name, version: wheel.version, origin, configSettings: wanted.configSettings, globalOptions: wanted.globalOptions, resolved: wanted.resolved };
}

function subdirectoryOf(source: { readonly subdirectory?: string }): { readonly subdirectory?: string } {
  return source.subdirectory === undefined ? {} : { subdirectory: source.subdirectory };
}

const KEPT = /^(?:metadata-version|name|version|requires-dist|requires-python|provides-extra)\s*:/i;

/** What is kept of a wheel; its name, version and metadata must agree with what was asked for. */
async function wheelRecord(wanted: Wanted, { filename, blob, tail }: CompiledWheel, store: Store): Promise<WheelRecord> {
  const named = parseWheelName(filename);
  const metadata = metadataFields(await readMetadata({ blob, tail, project: named?.name }, store));
  if (metadata === undefined) bad(wanted, filename, 'is not a wheel: it has no readable METADATA');
  const parsed = parseMetadata(metadata);
  if (parsed === undefined || named === undefined) return bad(wanted, filename, 'has a METADATA without name and version');
  if (parsed.name !== named.name || (wanted.name !== undefined && parsed.name !== wanted.name)) bad(wanted, filename, `says in METADATA that it is ${parsed.name}`);
  return { format: 1, blob: blob.digest, size: blob.size, filename, name: parsed.name, version: normalizeVersion(parsed.version), metadata };
}

function metadataFields(metadata: Buffer | undefined): string | undefined {
  const head = metadata?.toString('utf8').split(/\r?\n\r?\n/, 1)[0];
  if (head === undefined) return undefined;
  // Continuation lines belong to the field above.
  return head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/).filter((line) => KEPT.test(line)).join('\n');
}

function bad(wanted: Wanted, filename: string, what: string): never {
  return fail({ reason: 'archive', message: `${filename} ${what}`, ...(wanted.place === undefined ? {} : { place: wanted.place }) });
}

function waiting(work: Work, subject: string): (holder: string) => void {
  return (holder) => work.context.emit({ type: 'waiting', message: `${subject}: waiting for ${holder}, which is working on the same package` });
}

/** Where a path that a requirement names is, on this machine and as it may be shown. */
export function localPath(path: string, root: string): { readonly kind: 'path'; readonly path: string; readonly shown: string } {
  const absolute = resolve(root, path);
  return { kind: 'path', path: absolute, shown: shownPath(absolute, root) };
}
