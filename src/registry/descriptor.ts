/** A piece of content in a registry, as in the OCI image spec. */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:<hex>` */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** True for the only kind of digest that we make and can check. */
export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && DIGEST.test(text);
}
