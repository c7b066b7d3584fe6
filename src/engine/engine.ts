import type { Duplex, Readable } from 'node:stream';
import type { ImageId } from '../core/identity.js';
import type { BuildOptions, UnpackOptions } from './building.js';
import type { RegistryAuth } from './registry-auth.js';

export type { BuildOptions, BuildSession, UnpackOptions } from './building.js';
export type { RegistryAuth } from './registry-auth.js';

/**
 * A Docker Engine in our words. No type of an engine client crosses this port. Methods throw `Failed` with reason
 * `engine` when the engine is not there or dies, `not-found`/`registry` where named; an absent image is `undefined`.
 */
export interface Engine {
  /** Where it is, in the syntax of DOCKER_HOST: most of the time the same engine as before. */
  readonly address: string;
  /** The release (version and API) that the last answer came from, and no question; undefined before the first. */
  release(): Promise<string | undefined>;
  /** What the engine is; asked once and remembered. Fails with advice when it is not there or too old. */
  info(): Promise<EngineInfo>;

  image(reference: string): Promise<ImageInfo | undefined>;
  /** The image's whole configuration, for images that are derived from it; undefined if the engine has no such image. */
  imageDetails(reference: string): Promise<ImageDetails | undefined>;
  /** Local images that carry all these labels (`key=value` or `key`). */
  images(labels: readonly string[]): Promise<readonly ImageSummary[]>;
  pull(reference: string, options?: PullOptions): Promise<ImageInfo>;
  build(options: BuildOptions): Promise<ImageId>;
  /**
   * BuildKit with a graph driver only: an image without a name whose layers are those of another and, on them, the trees of some tars, unpacked by that image's own
   * `tar` and packed again by the engine. Fails `build` where it can't: there is no `tar`, or the engine has no such interface.
   */
  unpack(options: UnpackOptions): Promise<ImageId>;
  tag(image: ImageId, reference: string): Promise<void>;
  /** Removes a tag, or an image when it is named by its id. Absent is fine; `in-use` when a container uses it. */
  removeImage(reference: string): Promise<'removed' | 'absent' | 'in-use'>;
  /**
   * Loads a docker-archive or OCI layout tar; resolves to what the engine says it loaded. `archive` when it refuses the
   * tar, or an image of it is there and cannot be unpacked.
   */
  load(archive: Readable, options?: LoadOptions): Promise<readonly string[]>;
  /** A docker-archive of these images. */
  save(references: readonly string[]): Promise<Readable>;
  push(reference: string, options?: PushOptions): Promise<{ readonly digest: string }>;

  createContainer(spec: ContainerSpec): Promise<Container>;
  /** Containers, running or not, that carry all these labels. */
  containers(labels: readonly string[]): Promise<readonly ContainerSummary[]>;
  container(id: string): Container;
}

export interface EngineInfo {
  /** For instance `20.10.24`. */
  readonly version: string;
  readonly apiVersion: string;
  readonly os: string;
  /** As in OCI: `amd64`, `arm64`. */
  readonly architecture: string;
  /** UID 0 inside is the user who runs the engine outside. */
  readonly rootless: boolean;
  readonly imageStore: 'graphdriver' | 'containerd';
  readonly storageDriver: string;
  /** The engine can build with BuildKit (API >= 1.38 and not Windows). */
  readonly buildkit: boolean;
  /** Identifies this engine installation (its ID), so that what was learnt of it can be remembered. */
  readonly id: string;
}

export interface ImageInfo {
  readonly id: ImageId;
  readonly tags: readonly string[];
  /** `name@sha256:…` */
  readonly repoDigests: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  /** Bytes. */
  readonly size: number;
  readonly created: string;
  /** Diff ids, `sha256:…`, bottom first. */
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

/** An image's configuration in the words of the OCI image spec, as far as the engine tells it. */
export interface ImageDetails {
  readonly id: ImageId;
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly author?: string;
  readonly created?: string;
  /** The member `config` as it is. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Diff ids, bottom first. */
  readonly layers: readonly string[];
  /** Oldest first. */
  readonly history: readonly ImageStep[];
}

export interface ImageStep {
  readonly createdBy: string;
  readonly comment: string;
  /** RFC 3339. */
  readonly created: string;
  /** Bytes that it added; 0 may be a layer without files. */
  readonly size: number;
}

/** The run configuration of an image, as in the OCI image spec. */
export interface ImageConfig {
  readonly env: readonly string[];
  readonly cmd?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  readonly shell?: readonly string[];
  readonly healthcheck?: Readonly<Record<string, unknown>>;
}

export interface ImageSummary {
  readonly id: ImageId;
  readonly tags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly created: number;
}

export interface PullOptions {
  readonly auth?: RegistryAuth;
  readonly platform?: string;
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface PushOptions {
  readonly auth?: RegistryAuth;
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface LoadOptions {
  /** The images must be whole for this one (API 1.48); without it the containerd store takes images with parts missing. */
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  readonly signal?: AbortSignal;
}

export interface Mount {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  /** Host path or volume name; absent for tmpfs. */
  readonly source?: string;
  readonly target: string;
  readonly readOnly?: boolean;
  /** tmpfs only: `uid=…,mode=…`. */
  readonly options?: string;
}

export interface PortBinding {
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
}

export interface ContainerSpec {
  readonly name?: string;
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly mounts?: readonly Mount[];
  readonly ports?: readonly PortBinding[];
  /** Docker network mode: `bridge`, `none`, `host`, a network's name. */
  readonly network?: string;
  /** `host:ip` pairs. */
  readonly extraHosts?: readonly string[];
  readonly dropCapabilities?: boolean;
  readonly noNewPrivileges?: boolean;
  readonly init?: boolean;
  readonly autoRemove?: boolean;
  /** Bytes. */
  readonly memory?: number;
  /** CPUs, may be a fraction. */
  readonly cpus?: number;
  readonly tty?: boolean;
  readonly openStdin?: boolean;
  readonly stopSignal?: string;
}

export interface ContainerSummary {
  readonly id: string;
  readonly image: string;
  readonly imageId: ImageId;
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since the epoch. */
  readonly created: number;
}

export interface ExecSpec {
  readonly argv: readonly string[];
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  /** Bytes for the command's standard input. */
  readonly stdin?: Readable;
  /** A promise that it returns is waited for before more output is read (back-pressure). */
  readonly onStdout?: (chunk: Buffer) => void | Promise<void>;
  readonly onStderr?: (chunk: Buffer) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

export interface Container {
  readonly id: string;
  start(): Promise<void>;
  /** Resolves when the command has ended and all its output was delivered. */
  exec(spec: ExecSpec): Promise<{ readonly exitCode: number }>;
  /** Extracts a tar into a folder of the container (also before it is started). `not-found` if there is no such folder. */
  putArchive(path: string, tar: Readable): Promise<void>;
  /**
   * A tar of a path of the container; undefined if there is nothing at that path. The engine may hold the container's lock
   * until the tar is read to its end: read it at once, and don't wait for another call on the same container meanwhile.
   */
  getArchive(path: string): Promise<Readable | undefined>;
  /** Connects to the container's terminal or streams; call before start. With `tty` stderr is part of stdout. */
  attach(options: { readonly stdin: boolean; readonly tty: boolean }): Promise<Attachment>;
  resize(columns: number, rows: number): Promise<void>;
  kill(signal: string): Promise<void>;
  /** Asks it to stop, kills it after so many seconds. */
  stop(seconds: number): Promise<void>;
  /** Resolves when it does not run (at once if it was not started); fails when it was removed first. */
  wait(): Promise<{ readonly exitCode: number }>;
  inspect(): Promise<ContainerState | undefined>;
  logs(tail: number): Promise<readonly string[]>;
  /** Kills if it runs, and removes with its anonymous volumes. Absent is fine. */
  remove(): Promise<void>;
}

export interface Attachment {
  /** Raw stream: write stdin into it. */
  readonly stdin: Duplex;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

export interface ContainerState {
  readonly running: boolean;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Published ports: `8000/tcp` → `127.0.0.1:49153`. */
  readonly ports: Readonly<Record<string, readonly string[]>>;
}
