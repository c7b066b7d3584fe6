import type { ImageKey } from '../core/identity.js';

export interface TagFacts {
  /** Full hex of HEAD. */
  readonly commit?: string;
  /** The working tree has changes that reach this image. */
  readonly dirty: boolean;
  /** A legal tag. */
  readonly branchTag?: string;
  /** `latest`, or what the user gave. */
  readonly extra: readonly string[];
}

const SHORT = 12;

/** The tag that stands for an image's content: the beginning of its key. */
export function keyTag(key: ImageKey): string {
  return key.slice(0, SHORT);
}

/** The revision's tag: 12 digits of HEAD, and the content's where the tree has changes that reach the image. */
export function revisionTag(commit: string, dirty: boolean, key: ImageKey): string {
  return dirty ? `${commit.slice(0, SHORT)}-dirty-${keyTag(key)}` : commit.slice(0, SHORT);
}

/** All tags of an image, the key tag first, each once. */
export function imageTags(key: ImageKey, { commit, dirty, branchTag, extra }: TagFacts): string[] {
  const tags = [
    keyTag(key),
    ...(commit === undefined ? [] : [revisionTag(commit, dirty, key)]),
    ...(branchTag === undefined ? [] : [branchTag]),
    ...extra,
  ];
  return [...new Set(tags)];
}
