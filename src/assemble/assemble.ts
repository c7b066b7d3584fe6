import type { Entry } from '../archive/entry.js';
import type { ContextEntry } from '../docker/context.js';
import type { Resolved } from '../docker/resolve.js';
import type { OciConfig } from './oci-config.js';
import type { Tree } from './tree.js';

/** Everything that a thin final stage is assembled from. */
export interface AssembleInputs {
  readonly resolved: Resolved;
  /** What the target stage is FROM; for `scratch` an empty one. */
  readonly parent: { readonly config: OciConfig; readonly tree: Tree };
  readonly context: AssemblyContext;
  /** The file systems that `COPY --from` names: an image by its reference as written, or another stage by its index. */
  readonly from: (source: string | number) => Promise<SourceFiles>;
  /** All build args that were given (declared ones and the predefined proxies). */
  readonly args: Readonly<Record<string, string>>;
  /** What an artifact's layers put into the file system, which later instructions may see. */
  readonly artifactTree: (name: string) => Promise<Tree>;
  /** `linux/amd64` */
  readonly platform: string;
  /** Set last; they leave no step, as labels that a builder is given leave none. */
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; of the image and of every step. */
  readonly created: string;
}

/** The build context: ignore rules are applied already. */
export interface AssemblyContext extends SourceFiles {
  /** The name of the artifact whose tar lies at this path of the context; ADD of it makes its layers. */
  artifactAt(path: string): string | undefined;
  /** The ignore file that keeps this path out of the context, as the user would write it; for advice only. */
  excludedBy?(path: string): string | undefined;
}

/** Files that COPY and ADD take from: a context, an image or a stage. Paths are rooted without a leading slash. */
export interface SourceFiles {
  /** The entry itself, no link followed; without it `list` is asked. */
  lstat?(path: string): Promise<SourceEntry | undefined>;
  /** The entry itself (no link followed) and, for a folder, everything below it, sorted; undefined where there is nothing. */
  list(path: string): Promise<readonly SourceEntry[] | undefined>;
  /** All paths, for patterns. May be as slow as listing everything. */
  paths(): Promise<readonly string[]>;
  /** A file's bytes; exactly its size. */
  open(entry: SourceEntry): AsyncIterable<Uint8Array>;
}

/** Like a context's entry; owners are those of an image's file, 0:0 in a context. A file's SHA-256 (hex) only where it is known unread. */
export type SourceEntry = SourceOf<ContextEntry>;
type SourceOf<E> = E extends { readonly hash: string } ? Omit<E, 'hash'> & Owner & { readonly hash?: string } : E & Owner;
interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What becomes of a stage: its configuration without the new diff ids, and its steps in order. */
export interface Assembled {
  readonly config: Omit<OciConfig, 'rootfs' | 'history'>;
  readonly steps: readonly Step[];
  /** The file system that came out. */
  readonly tree: Tree;
}

/** One instruction: a line of history, and what it adds to the file system, if anything. */
export interface Step {
  /** History's `created_by`. */
  readonly createdBy: string;
  readonly layer?: LayerDraft;
}

export type LayerDraft =
  /** Entries of one tar: parents first, each path once, folders of the parent with the parent's mode and owner. */
  | { readonly kind: 'entries'; readonly entries: readonly LayerEntry[] }
  /** All layers of an artifact, unpacked at `/`; `below` is the file system before. */
  | { readonly kind: 'artifact'; readonly name: string; readonly below: Tree };

export interface LayerEntry {
  readonly entry: Entry;
  /** Of files: exactly `entry.size` bytes. */
  readonly content?: () => AsyncIterable<Uint8Array>;
  /** SHA-256 of the content in hex, where it is known unread. */
  readonly hash?: string;
}
