/**
 * Identities are all SHA-256 in lower-case hex (64 characters, no prefix), and all of different types:
 * mixing them up is a compile error.
 */
type Brand<Name extends string> = string & { readonly __brand: Name };

/** Of a blob's bytes as stored. */
export type Digest = Brand<'Digest'>;
/** Of a requirement set's key record: addresses an artifact. */
export type RequirementHash = Brand<'RequirementHash'>;
/** Of a package's key record: addresses a wheel, a node package or a piece. */
export type PackageKey = Brand<'PackageKey'>;
/** Of a builder's recipe (Dockerfile, context, build args, base). */
export type BuilderKey = Brand<'BuilderKey'>;
/** Of an image's key record. */
export type ImageKey = Brand<'ImageKey'>;
/** The engine's name for an image: `sha256:<hex>`. */
export type ImageId = Brand<'ImageId'>;

const HEX = /^[0-9a-f]{64}$/;

/** Parses an untrusted 64-digit hex string; undefined if it is not one. */
export function parseDigest(text: string): Digest | undefined {
  return HEX.test(text) ? (text as Digest) : undefined;
}
