import type { Artifact, Part } from '../artifact/artifact.js';
import type { Emit } from '../core/events.js';
import type { Placed } from '../core/place.js';
import type { BuilderKey, ImageId, ImageKey, RequirementHash } from '../core/identity.js';
import type { KeyRecord } from '../artifact/kind.js';
import type { Engine } from '../engine/engine.js';
import type { CredentialFinder } from '../registry/credentials.js';
import type { Store } from '../store/store.js';
import type { AssembledImage } from './assembled-image.js';
import type { Change } from './change.js';

/**
 * The images of a project as the rest of the program sees them. Keys are computed lazily and once per planner: an image's
 * key needs its artifacts' keys, and those need the keys of their builder images.
 */
export interface ImagePlanner {
  /** Key of an image of the project, by short name. Asks the engine only for bases that were never seen before. */
  key(name: string): Promise<ImageKey>;
  /** Key of a builder, an image of the project or any other reference. */
  builderKey(reference: Placed<string>): Promise<BuilderKey>;
  /** Builds or pulls the builder if the engine lacks it; resolves to a reference that can be run. */
  ensureBuilder(reference: Placed<string>): Promise<string>;
  /** The images and all that they are built FROM, parents first. No names: all but those used as builders only. */
  plan(names?: readonly string[]): Promise<readonly PlannedImage[]>;
  /** Like `plan`, from the Dockerfiles alone: no keys, no engine. */
  order(names?: readonly string[]): Promise<readonly OrderedImage[]>;
  /** How these changed paths reach the image, see change.ts; undefined if they don't. */
  changeBy(changed: readonly string[]): (name: string) => Promise<Change | undefined>;
  /** Makes them exist under their tags; the planner may find new keys if a base turns out to be another one. Each is told of as soon as it is ready. */
  build(names?: readonly string[], options?: BuildOptions): Promise<readonly ImageResult[]>;
  /** Writes the image's context to a new or empty folder, for a plain `docker build`. */
  exportContext(name: string, folder: string): Promise<ExportedContext>;
  /** The content of an image that was assembled with this store; undefined if the engine built it. */
  stored(name: string): Promise<AssembledImage | undefined>;
  /** Asks for every external base of these images anew (pulls), renews the records, and forgets computed keys. */
  refreshBases(names?: readonly string[]): Promise<readonly string[]>;
}

export interface PlannerDependencies {
  readonly engine: Engine;
  readonly store: Store;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly offline: boolean;
  /** How many images may be built at once. */
  readonly jobs: number;
  /** Requirement hash of an artifact of the project; may call `builderKey` of this planner. */
  readonly artifactKey: (name: string) => Promise<RequirementHash>;
  /** The artifact itself, built if the store lacks it; may call `ensureBuilder` of this planner. */
  readonly artifact: (name: string) => Promise<Artifact>;
  /** What sending an artifact's layers ahead takes; absent: none are. */
  readonly ahead?: Ahead;
  /** Called when all artifacts of the images that are being built are there. */
  readonly artifactsMade?: () => void;
  /** Called when keys were found to be stale because a base is another image now: forget what was computed from them. */
  readonly forget?: () => void;
  /** Files or globs, relative to the root, whose change reaches the artifact; default: those that its spec names. */
  readonly artifactInputs?: (name: string) => Promise<readonly string[]>;
  /** File that remembers content hashes between runs; created when its folder exists. Absent: hash always. */
  readonly statCache?: string;
  /** What the working tree is; undefined outside git. */
  readonly revision?: Revision | Promise<Revision | undefined>;
  /** Additional tags instead of `latest`. */
  readonly tags?: readonly string[];
  /** Everything is built by the engine's own builder, thin Dockerfiles too. */
  readonly engineBuild?: boolean;
  /** Layers depend on the content alone, whatever was there before. */
  readonly canonical?: boolean;
  /** Images are for others: none keeps in its layers what it no longer has, and one that does counts as absent. */
  readonly released?: boolean;
  /** For containers that are made to look into images and never run. */
  readonly containerLabels?: () => Promise<Readonly<Record<string, string>>>;
  /** Default true when `tags` is empty or absent. */
  readonly latest?: boolean;
  /** For the `TARGETPLATFORM` family where an image names no platform, e.g. `linux/amd64`. */
  readonly platform?: string;
  /** Host values that images' secrets name, and SSH_AUTH_SOCK; nothing else of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** For registries that base images come from. Default: none has any. */
  readonly credentials?: CredentialFinder;
}

export interface Ahead {
  /**
   * Tells of the parts of an artifact that is being made, in the groups of `artifact/spread.ts`, the lowest first, as soon as a
   * group is there, until what it returns is called. A group that was told may still come to be another one.
   */
  readonly parts: (artifact: string, listener: (parts: readonly Part[]) => void) => () => void;
  /** Of images that are removed again: by them they are found if the run is killed. */
  readonly labels: () => Promise<Readonly<Record<string, string>>>;
}

/** What tags and labels tell of the working tree; values are facts, computed by src/git. */
export interface Revision {
  /** 40 hex digits; absent before the first commit. */
  readonly commit?: string;
  /** A legal tag; absent on a detached HEAD. */
  readonly branchTag?: string;
  /** What only the labels of a new image tell. */
  readonly origin?: () => Promise<Origin>;
  /** Changed, deleted and untracked paths, relative to the project's root, `/`-separated. */
  readonly changed: readonly string[];
}

export interface Origin {
  /** As `git log --format=%cI`: ISO 8601. */
  readonly committedAt?: string;
  /** Clone URL without credentials. */
  readonly source?: string;
}

export interface BuildOptions {
  readonly onReady?: (image: ImageResult) => void;
  /**
   * Short names: no other image is built or tagged for these, and a parent that is needed and not there is an error.
   * Builders of artifacts are made all the same. Default: no limit.
   */
  readonly within?: ReadonlySet<string>;
  /** Builds the named images even if they are there, without the engine's cache. */
  readonly anew?: boolean;
}

/** An image's place among the others. */
export interface OrderedImage {
  readonly name: string;
  readonly repository: string;
  /** Short names of the project's images that it is built from. */
  readonly parents: readonly string[];
  readonly artifacts: readonly string[];
  /** Build args that its Dockerfile declares. */
  readonly args: readonly string[];
}

export interface PlannedImage extends OrderedImage {
  readonly key: ImageKey;
  /** Full references, the key tag first. */
  readonly tags: readonly string[];
  /** Why the engine's own builder has to build it, in words; undefined: it is assembled directly. */
  readonly engineBuilds: string | undefined;
  /** The record that `key` is the hash of. */
  readonly record: KeyRecord;
  /** Mode and content of each entry of its context, for telling what changed; undefined for very large contexts. */
  readonly files: { readonly [path: string]: string } | undefined;
}

export interface ImageResult {
  readonly name: string;
  readonly key: ImageKey;
  readonly id: ImageId;
  readonly status: 'present' | 'retagged' | 'built';
  readonly tags: readonly string[];
}

export interface ExportedContext {
  readonly folder: string;
  /** `Dockerfile` unless the context has another file of that name. */
  readonly dockerfile: string;
}
