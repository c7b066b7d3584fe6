import type { Duplex, Readable } from 'node:stream';
import type { RegistryAuth } from './registry-auth.js';

export interface BuildOptions {
  /** A tar of the context; asked for again when the build is begun anew. */
  readonly context: () => Readable;
  /** Path of the Dockerfile in the context. */
  readonly dockerfile: string;
  readonly tags: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly network?: string;
  readonly platform?: string;
  readonly cacheFrom?: readonly string[];
  readonly noCache?: boolean;
  /** Credentials of the registries that FROM may need. */
  readonly auths?: readonly RegistryAuth[];
  readonly backend: 'classic' | 'buildkit';
  /** BuildKit only: what the builder may ask for while it builds. */
  readonly session?: BuildSession;
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface UnpackOptions {
  /** Full reference of an image that the engine has: `docker.io/library/debian:13`, not `debian:13`. */
  readonly from: string;
  /** Each opens a tar, bottom first; one is read at a time. */
  readonly tars: readonly (() => Promise<Readable>)[];
  /** Given what the engine's tidying up takes, which never fails; without it, that is waited for. */
  readonly tidying?: (ended: Promise<void>) => void;
  readonly signal?: AbortSignal;
}

/** Answers to a builder's questions. It is given nothing but what it asks for here; a failure fails the build. */
export interface BuildSession {
  /** The secret with this id (`RUN --mount=type=secret,id=…`); undefined if the build has none of that name. At most 500 kB. */
  readonly secret?: (id: string) => Promise<Buffer | undefined>;
  /** A connection to the SSH agent with this id (`RUN --mount=type=ssh`, without an id `default`), which the caller ends. */
  readonly sshAgent?: (id: string) => Promise<Duplex | undefined>;
  /** For the registry at this host as BuildKit names it; Docker Hub is `registry-1.docker.io`. */
  readonly credentials?: (host: string) => Promise<Omit<RegistryAuth, 'serverAddress'> | undefined>;
  /** Bytes that a build graph names by a URL with this path; undefined if there are none. One is read at a time. */
  readonly upload?: (path: string) => Promise<Readable | undefined>;
}
