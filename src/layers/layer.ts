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
  /** The tar is composed of stored pieces each time it is read. */
  | PiecesContent
  /** A layer of an image that was not assembled here: only the engine has it. */
  | { readonly kind: 'engine' };

/** Pieces put at their places, as `walkArtifact` composes them, behind the whiteouts (OCI image layer spec). */
export interface PiecesContent {
  readonly kind: 'pieces';
  /** As in `Artifact`: where the explicit folders begin. */
  readonly prefix: string;
  readonly parts: readonly LayerPart[];
  /** Rooted paths without leading slash that lower layers have and this one removes, sorted. */
  readonly removed: readonly string[];
}

/** A part, or some of its entries. */
export interface LayerPart extends Part {
  /** Paths within the piece; absent: all. */
  readonly only?: readonly string[];
}
