import type { Place, Placed } from '../core/place.js';

/**
 * The project file after reading: every name resolved, every default filled in, every path relative to `root` and
 * `/`-separated. What is written in it keeps its place, so that later complaints have one too.
 */
export interface Project {
  readonly name: string;
  /** Absolute path of the folder with the project file. */
  readonly root: string;
  /** Project file as the user would write it (relative to the working directory where that is shorter). */
  readonly file: string;
  /** `registry.example.com:5000/team`, without a trailing slash. */
  readonly registry?: string;
  /** Absolute path of the store named in the file; default `<root>/.artifacts`. */
  readonly store: string;
  readonly network: NetworkSettings;
  readonly builders: BuilderSettings;
  readonly artifacts: ReadonlyMap<string, ArtifactSpec>;
  readonly images: ReadonlyMap<string, ImageSpec>;
  readonly dev: ReadonlyMap<string, DevSpec>;
}

export interface NetworkSettings {
  /** Absolute path of a PEM bundle; `system` in the file means the first that exists of the usual places. */
  readonly ca?: string;
  readonly proxy?: string;
  readonly noProxy: readonly string[];
  /** Image registries, `host[:port]`, that may be reached by plain http. */
  readonly insecureRegistries?: readonly string[];
  /** Seconds of silence before a registry is given up; default in net/. */
  readonly timeout?: number;
  /** Attempts after the first; default in net/. */
  readonly retries?: number;
}

export interface BuilderSettings {
  /** Bytes. */
  readonly memory?: number;
  readonly cpus?: number;
  /** Docker network mode of builder containers; `none` switches the network off. */
  readonly network: string;
  /** Names of host environment variables that may enter builder containers. */
  readonly env: readonly string[];
}

export type ArtifactSpec = PythonSpec | NodeSpec | CommandSpec;

interface ArtifactCommon {
  readonly name: string;
  readonly place: Place;
  /** Name of an image of the project, or any image reference. */
  readonly builder: Placed<string>;
  /** Absolute path in the images, normalised, no trailing slash. */
  readonly prefix: string;
  /** Names of host environment variables that may enter its builder, beyond `builders.env`. */
  readonly env: readonly string[];
}

export interface PythonSpec extends ArtifactCommon {
  readonly kind: 'python';
  /** requirements.txt-style files, pylock.toml, uv.lock, poetry.lock; relative to root. */
  readonly requirements: readonly Placed<string>[];
  /** Extras and dependency groups to take from uv.lock / poetry.lock / pylock.toml. */
  readonly extras: readonly string[];
  readonly groups: readonly string[];
  /** Index settings used where the files themselves name none; may hold `${NAME}` of allowed variables. */
  readonly index?: string;
  readonly extraIndex: readonly string[];
  readonly findLinks: readonly string[];
  /** Everything must be pinned and closed: what is not is an error instead of a warning. */
  readonly strict: boolean;
  readonly compileBytecode: boolean;
}

export interface NodeSpec extends ArtifactCommon {
  readonly kind: 'node';
  /** package.json; its lock lies beside it. */
  readonly package: Placed<string>;
  readonly omit: readonly ('dev' | 'optional' | 'peer')[];
  readonly registry?: string;
  /** Install scripts: all allowed, none, or only those of the named packages. */
  readonly scripts: 'allow' | 'deny' | readonly string[];
  /** Overrides `engine-strict` of .npmrc. */
  readonly engineStrict?: boolean;
  /** Without npm's hidden lock, and without optional packages whose own package.json names another libc. */
  readonly lean: boolean;
}

export interface CommandSpec extends ArtifactCommon {
  readonly kind: 'command';
  readonly needs: readonly Placed<string>[];
  /** Globs relative to root, sorted into the key by what they match. */
  readonly inputs: readonly Placed<string>[];
  readonly run: string;
  /** Folder or file made by `run`, relative to its working directory. */
  readonly output: string;
}

export interface ImageSpec {
  readonly name: string;
  readonly place: Place;
  /** Full repository name without a tag. */
  readonly repository: string;
  /** Folder, relative to root; `.` is root. */
  readonly context: Placed<string>;
  /** Relative to root; default `<context>/Dockerfile`. */
  readonly dockerfile: Placed<string>;
  /** If given, only these globs (relative to the context) are in the context, `.dockerignore` applied as well. */
  readonly include?: readonly string[];
  readonly artifacts: readonly Placed<string>[];
  /** Short name of the image that its Dockerfile calls `builder`; it must not be built FROM that one. */
  readonly builder?: Placed<string>;
  readonly role: boolean;
  readonly args: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platform?: string;
  readonly network?: string;
  /** id → file or environment variable on the host; BuildKit only. */
  readonly secrets: Readonly<Record<string, { readonly file: string } | { readonly env: string }>>;
  readonly ssh: readonly string[];
  readonly cacheFrom: readonly string[];
}

export interface DevSpec {
  readonly name: string;
  readonly place: Place;
  /** The image it runs; default the image of the same name. */
  readonly image: Placed<string>;
  readonly mounts: readonly DevMount[];
  /** `[ip:]host:container[/protocol]` as in compose, parsed. */
  readonly ports: readonly DevPort[];
  readonly command?: readonly string[];
  /** `NAME: value` pairs set in the container. */
  readonly env: Readonly<Record<string, string>>;
  /** Names of host variables passed through. */
  readonly passEnv: readonly string[];
  readonly workingDir?: string;
  readonly network?: string;
}

export interface DevMount {
  readonly place: Place;
  /** Relative to root or absolute. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface DevPort {
  /** `127.0.0.1` unless the file names one. */
  readonly hostIp: string;
  /** 0: the engine chooses (only the container's port was given). */
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
}
