import type { Emit } from '../core/events.js';
import type { BuilderKey, RequirementHash } from '../core/identity.js';
import type { Data } from '../core/record.js';
import type { Builder, BuilderFacts } from '../builders/builder.js';
import type { NetworkSettings } from '../config/project.js';
import type { RecordEntry, Store } from '../store/store.js';
import type { Http } from '../net/http.js';
import type { Artifact, Built, Part } from './artifact.js';

/** What a kind of artifact (python, node, command) must be able to do. */
export interface Kind<Spec> {
  /**
   * Reads the input files and finds the key. Resolves and stores the lock where the files are not enough (that is the
   * only part that may need network or builder, and only the first time). Fails with all problems that it finds.
   */
  plan(spec: Spec, context: Context): Promise<Planned>;
  /**
   * Files and folders below the root, relative to it, that the artifact is made from, those that others include too; read
   * without builder and network. Absent: those that the spec names.
   */
  inputs?(spec: Spec, from: Pick<Context, 'root' | 'env'>): Promise<readonly string[]>;
  /** Keys of those of the store's locks that these artifacts were planned with: without them planning may need the network. */
  locksOf?(artifacts: readonly KeyedRecord[], locks: readonly RecordEntry[]): readonly string[];
}

export interface KeyedRecord {
  readonly key: string;
  readonly record: KeyRecord;
}

/** A requirement set whose requirement hash is known. */
export interface Planned {
  readonly key: RequirementHash;
  /** The record that `key` is the hash of; documented field by field in the kind's README. */
  readonly record: KeyRecord;
  /** How many packages the lock has (1 for a command). */
  readonly packageCount: number;
  /**
   * Makes what is missing and composes the artifact; called only when the store has no artifact under `key`. One failing
   * package lets all others finish first; then it throws Failed with a problem for each. The caller stores the result.
   */
  build(): Promise<Built>;
  /** The packages that the store lacks: for `status` and `--offline`. Reads the store only. */
  missing(): Promise<readonly string[]>;
}

/** Members are compared one by one by `why`; `packages` and other maps are compared member by member. */
export type KeyRecord = { readonly format: number; readonly kind: string } & { readonly [field: string]: Data };

export interface Context {
  /** Absolute path of the project's root; input files are read below it. */
  readonly root: string;
  readonly store: Store;
  readonly http: Http;
  readonly network: NetworkSettings;
  readonly builderKey: BuilderKey;
  /** From the store, or by starting the builder once. */
  facts(): Promise<BuilderFacts>;
  /** The running builder container of this set; started at the first call. */
  builder(): Promise<Builder>;
  /** Values of the host variables that the project file allows for this set; nothing else of the environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly offline: boolean;
  /** How many packages may be worked on at once. */
  readonly jobs: number;
  readonly emit: Emit;
  /**
   * Told of packages' parts, group by group (`spread.ts`), the lowest first, as soon as all of a group are there: while the set is
   * built, or planned already if that brings packages. For who can begin with them: the result alone counts. A kind need not tell.
   */
  readonly onParts?: (parts: readonly Part[]) => void;
  readonly signal: AbortSignal;
  /** For command artifacts: the requirement hash of another artifact of the project. */
  neededKey(name: string): Promise<RequirementHash>;
  /** For command artifacts: another artifact of the project, built first if it is missing. */
  needed(name: string): Promise<Artifact>;
}
