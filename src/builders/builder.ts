import type { Readable } from 'node:stream';
import type { BuilderKey } from '../core/identity.js';

/**
 * A running builder container, as kinds (python, node, command) use it. Paths are paths inside the container. Files go in
 * and come out as tar streams (`put`, `take`): binds may not reach the engine. Where they do, what is much goes through a
 * folder that both sides see. Everything runs as the owner of the project directory.
 */
export interface Builder {
  readonly key: BuilderKey;
  /** Runs one command to its end; its output goes to the log of `subject` and comes back as the last lines. */
  run(command: Command): Promise<CommandResult>;
  /** Makes a new empty folder, owned by the container's user, and gives its path. Gone with the run. */
  scratch(label: string): Promise<string>;
  /** Extracts a tar (paths relative to `path`) into an existing folder, owned by the container's user. */
  put(path: string, tar: Readable): Promise<void>;
  /** A tar of the file or folder at `path`; names start with its last segment. Fails `not-found` if there is none. */
  take(path: string): Promise<Readable>;
  /** Removes a scratch folder before the run ends. */
  discard(path: string): Promise<void>;
  /** Where the project's own files are, read-only (synced into the container when binds don't reach the engine). */
  source(): Promise<string>;
  /** For the files of one command; undefined where binds don't reach the engine. */
  exchange(): Exchange | undefined;
  /** Where a program of ours (src/<module>/agent/<name>) is inside the container. */
  agent(name: string): string;
}

/** Files in a folder that the container shares with this machine, under names that no other command has; gone with the container. */
export interface Exchange {
  /** What the paths of all of them begin with in the container. */
  readonly inside: string;
  /** A file for the container. Fails `disk`. */
  put(name: string, content: Readable): Promise<void>;
  /** Reads a file that the container made, of so many bytes; its name is gone then. A chunk is done with when the next one is asked for. Fails `engine` if it is something else. */
  take<T>(name: string, size: number, read: (bytes: AsyncIterable<Buffer>) => Promise<T>): Promise<T>;
  /** It may be absent. */
  discard(name: string): Promise<void>;
}

export interface Command {
  /** What the command works for, e.g. `markupsafe 2.0.1`: names the log file and the log events. */
  readonly subject: string;
  readonly argv: readonly string[];
  /** Defaults to a folder of its own. */
  readonly cwd?: string;
  /** Added to the builder's own (HOME, caches, certificates, proxy, named variables). */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Readable | string;
  /**
   * Called for each chunk of standard output; then stdout is not logged. For machine-read output. A promise that it returns is
   * waited for before more is read.
   */
  readonly onStdout?: (chunk: Buffer) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  readonly exitCode: number;
  /** Last lines of output, at most 40, secrets masked. */
  readonly tail: readonly string[];
  /** Where the whole log is, as a path the user can open. */
  readonly log: string;
}

/**
 * Facts of a builder image that keys depend on; found by running `agent/facts.sh`/`facts.py` in it once and kept in the
 * store by BuilderKey, so that a run with nothing to do needs no engine.
 */
export interface BuilderFacts {
  /** As uname: `linux`. */
  readonly os: string;
  /** As uname -m: `x86_64`, `aarch64`. */
  readonly machine: string;
  readonly libc: { readonly name: 'glibc' | 'musl'; readonly version: string };
  readonly python?: PythonFacts;
  readonly node?: NodeFacts;
}

export interface PythonFacts {
  /** Absolute path of the interpreter in the builder, e.g. `/usr/bin/python3`. */
  readonly executable: string;
  /** `3.13.5` */
  readonly version: string;
  /** `cpython`, `pypy` */
  readonly implementation: string;
  /** SOABI, e.g. `cpython-313-x86_64-linux-gnu`. */
  readonly soabi: string;
  /** Magic number of byte code, hex. */
  readonly magic: string;
  readonly freeThreaded: boolean;
  /** PEP 508 environment markers. */
  readonly markers: Readonly<Record<string, string>>;
  /** Supported PEP 425 tags, best first, where the builder's own pip could tell; else absent and computed. */
  readonly tags?: readonly string[];
  /** Versions of the tools found: absent = not there. */
  readonly uv?: string;
  readonly pip?: string;
  /** The package index that the builder's own pip uses when nothing else is said; absent where there is no pip to ask. */
  readonly index?: string;
}

export interface NodeFacts {
  readonly executable: string;
  /** `24.21.0`, without v. */
  readonly version: string;
  readonly npm?: string;
  /** process.platform, process.arch. */
  readonly platform: string;
  readonly arch: string;
  /** The registry that the builder's own npm uses when nothing else is said; absent without npm. */
  readonly registry?: string;
  /** process.versions.modules */
  readonly modules: string;
}

/** Opens builder containers: one per builder image and run, started when first used, all gone after `close`. */
export interface Builders {
  open(key: BuilderKey): Promise<Builder>;
  facts(key: BuilderKey): Promise<BuilderFacts>;
  /** Ends the containers that run, since nothing needs them for now; whoever opens one again gets a new one. */
  release(): Promise<void>;
  close(): Promise<void>;
}
