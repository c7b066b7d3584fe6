import type { Part } from '../artifact/artifact.js';
import type { Digest } from '../core/identity.js';

/** `sha256:<hex>` of a layer's uncompressed tar; OCI's DiffID. */
export type DiffId = `sha256:${string}`;

/** One layer of an image: what identifies it, and how its tar is had. */
export interface Layer {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar; -1 where only the engine knows. */
  readonly size: number;
  readonly content: LayerContent;
}

export type LayerContent =
  /** The tar is a blob of the store; its digest is the diff id. */
  | { readonly kind: 'blob'; readonly blob: Digest }
  /** The tar is composed of stored pieces each time it is read, as the store's record of that name says. */
  | { readonly kind: 'recipe'; readonly recipe: RecipeHash }
  /** A layer of an image that was not assembled here: only the engine has it. */
  | { readonly kind: 'engine' };

/** SHA-256 of all that a composed tar's bytes depend on. */
export type RecipeHash = string & { readonly __brand: 'RecipeHash' };

/**
 * Pieces put at their places, behind the whiteouts (OCI image layer spec). No path is in two of the parts, folders apart.
 * All folders from the root to each entry are in the tar: a folder of a layer hides the mode of that in a lower one.
 */
export interface PiecesContent {
  /** As in `Artifact`. */
  readonly prefix: string;
  /** Folders above the prefix that are not 0755 0:0, as the image below has them. */
  readonly above?: readonly AboveFolder[];
  /** Rooted paths and modes, sorted: folders that are not 0755, and those that no part brings. The pieces' own modes don't count. */
  readonly folders?: readonly (readonly [path: string, mode: number])[];
  readonly parts: readonly LayerPart[];
  /** Rooted paths without leading slash that lower layers have and this one removes, sorted. */
  readonly removed: readonly string[];
}

/** A folder above an artifact's prefix. */
export interface AboveFolder {
  /** Rooted, without leading slash: `opt` of `/opt/venv`. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A part, or some of its entries. */
export interface LayerPart extends Part {
  /** Paths within the piece, sorted; the folders above them come too. Absent: all. */
  readonly only?: readonly string[];
}
