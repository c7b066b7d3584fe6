import type { Digest } from '../core/identity.js';
import type { Obtained } from './obtained.js';

/** An installed package, or the empty environment: bucket `pieces`. */
export interface PieceRecord {
  readonly format: 2;
  readonly piece: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface EnvironmentSettings {
  readonly prefix: string;
  readonly compileBytecode: boolean;
}

export interface Environment {
  readonly skeleton: PieceRecord;
  /** By package name. */
  readonly pieces: ReadonlyMap<string, PieceRecord>;
}

/** Turns the packages of one requirement set into pieces, each as soon as its wheel is there. */
export interface Installer {
  /** Starts what packages are installed by, before the first one is there. */
  prepare(): void;
  /** The names of all packages, as far as they are known: parts are told of by them (`Context.onParts`). */
  expect(names: readonly string[]): void;
  /** A package turns out to be compiled: parts of others are told of without waiting for it. */
  builds(name: string): void;
  /** Begins with a package whose piece the store lacks; failures show in `environment`. */
  begin(obtained: Obtained): void;
  /** Resolves when all that was begun is made, or has failed. */
  finish(): Promise<void>;
  /** The pieces of these packages and of the empty environment. All are tried before a failure is told. */
  environment(packages: readonly Obtained[]): Promise<Environment>;
}

/**
 * Installation beside fetching and compiling. It begins while the requirement set is still planned, since the first plan of
 * a set brings all of its packages; who only plans waits for none of it, and what it made by then is kept.
 */
export interface Installing {
  /** A wheel is on its way: the builder's container and the program in it are started meanwhile. */
  prepare(): void;
  expect: Installer['expect'];
  builds: Installer['builds'];
  begin(obtained: Obtained): void;
  /** Waits for what was begun, if something was. */
  finish(): Promise<void>;
  environment: Installer['environment'];
}
