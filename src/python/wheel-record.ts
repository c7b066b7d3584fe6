import { parseDigest } from '../core/identity.js';
import type { BuilderKey, Digest, PackageKey } from '../core/identity.js';
import type { Data } from '../core/record.js';
import { hashRecord } from '../core/record.js';
import type { Store } from '../store/store.js';

/**
 * A wheel in the store: bucket `packages`, under a key that says where it came from. What closure and installation need
 * of its metadata is here, so that nothing has to be opened again.
 */
export interface WheelRecord {
  readonly format: 1;
  readonly blob: Digest;
  /** Bytes. */
  readonly size: number;
  readonly filename: string;
  /** Normalised. */
  readonly name: string;
  readonly version: string;
  /** The header fields of METADATA that closure needs, as written. */
  readonly metadata: string;
}

/** A ready-made wheel is what its hash says; no builder, index or name is part of it. */
export function readyWheelKey(sha256: Digest): PackageKey {
  return hashRecord<PackageKey>({ format: 1, kind: 'python-wheel', sha256 });
}

/** What a compiled wheel depends on. Values of environment variables never enter a key: they may be credentials. */
export interface CompileKey {
  readonly source: CompileSource;
  readonly subdirectory: string | undefined;
  readonly builder: BuilderKey;
  readonly python: { readonly [field: string]: Data };
  readonly configSettings: readonly (readonly [string, string])[];
  readonly globalOptions: readonly string[];
  /** Names of the host variables that enter the builder, sorted. */
  readonly env: readonly string[];
}

export type CompileSource =
  /** The archive's SHA-256. */
  | { readonly kind: 'archive'; readonly sha256: Digest }
  | { readonly kind: 'git'; readonly url: string; readonly commit: string }
  /** Hash of a source tree's files. */
  | { readonly kind: 'tree'; readonly content: string };

export function compiledWheelKey(key: CompileKey): PackageKey {
  return hashRecord<PackageKey>({ format: 1, kind: 'python-compiled', ...key } as unknown as Data);
}

/** Source distributions are kept as well, so that another builder compiles them without the network. */
export function sdistKey(sha256: Digest): PackageKey {
  return hashRecord<PackageKey>({ format: 1, kind: 'python-sdist', sha256 });
}

export async function getWheel(store: Store, key: PackageKey): Promise<WheelRecord | undefined> {
  const value = (await store.getRecord('packages', key)) as Partial<WheelRecord> | undefined;
  if (value?.format !== 1 || typeof value.blob !== 'string' || parseDigest(value.blob) === undefined || typeof value.metadata !== 'string') return undefined;
  return value as WheelRecord;
}

export async function putWheel(store: Store, key: PackageKey, wheel: WheelRecord): Promise<void> {
  await store.putRecord('packages', key, wheel as unknown as Data, { blobs: [wheel.blob] });
}
