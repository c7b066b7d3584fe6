import { createHash } from 'node:crypto';
import { fail } from '../core/failure.js';
import { isDigest, type Descriptor } from './descriptor.js';

/** A manifest exactly as its registry has it: the bytes are what its digest is of. */
export interface Manifest extends Descriptor {
  readonly bytes: Buffer;
  readonly content: ImageManifest | IndexManifest;
}

/** What a registry is sent. */
export interface NewManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface ImageManifest {
  readonly kind: 'image';
  readonly config: Descriptor;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
}

export interface IndexManifest {
  readonly kind: 'index';
  readonly manifests: readonly (Descriptor & { readonly platform?: string })[];
}

export const MEDIA_TYPES = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

/** For the Accept header: what `parseManifest` understands. */
export const ACCEPTED = [MEDIA_TYPES.ociManifest, MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerManifest, MEDIA_TYPES.dockerList].join(', ');

/** Longest manifest that is read, as registries limit them too. */
export const MANIFEST_LIMIT = 4 * 1024 * 1024;

/** Checks what a registry sent; `said` is its Content-Type. Fails `integrity` if the bytes are not those of `expected`. */
export function parseManifest(bytes: Buffer, { said, expected, subject }: { readonly said: string; readonly expected: string | undefined; readonly subject: string }): Manifest {
  const digest = sha256(bytes);
  if (expected !== undefined && expected !== digest) {
    fail({ reason: 'integrity', message: `the registry sent another manifest for ${subject} than it says: ${digest} instead of ${expected}` });
  }
  const root = parseObject(bytes, subject);
  const mediaType = typeof root['mediaType'] === 'string' ? root['mediaType'] : (said.split(';', 1)[0] as string).trim();
  const content = contentOf(mediaType, root, subject);
  return { mediaType, digest, size: bytes.length, bytes, content };
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function contentOf(mediaType: string, root: Readonly<Record<string, unknown>>, subject: string): Manifest['content'] {
  switch (mediaType) {
    case MEDIA_TYPES.ociManifest:
    case MEDIA_TYPES.dockerManifest:
      return { kind: 'image', config: descriptor(root['config'], subject), layers: list(root['layers'], subject).map((layer) => descriptor(layer, subject)) };
    case MEDIA_TYPES.ociIndex:
    case MEDIA_TYPES.dockerList:
      return { kind: 'index', manifests: list(root['manifests'], subject).map((entry) => ({ ...descriptor(entry, subject), ...platform(entry) })) };
    default:
      return fail({ reason: 'unsupported', message: `the manifest of ${subject} is of a kind that is not known: ${mediaType.slice(0, 100)}` });
  }
}

function descriptor(value: unknown, subject: string): Descriptor {
  const { mediaType, digest, size } = members(value);
  if (typeof mediaType !== 'string' || !isDigest(digest) || !Number.isSafeInteger(size) || (size as number) < 0) return broken(subject);
  return { mediaType, digest, size: size as number };
}

function platform(value: unknown): { readonly platform?: string } {
  const { os, architecture, variant } = members(members(value)['platform']);
  if (typeof os !== 'string' || typeof architecture !== 'string') return {};
  return { platform: [os, architecture, ...(typeof variant === 'string' ? [variant] : [])].join('/') };
}

function parseObject(bytes: Buffer, subject: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, with what it was.
  }
  return broken(subject);
}

function list(value: unknown, subject: string): readonly unknown[] {
  return Array.isArray(value) ? value : broken(subject);
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function broken(subject: string): never {
  return fail({ reason: 'registry', message: `the registry sent something that is no manifest for ${subject}`, advice: 'Check the address: something else (a proxy, a login page) may answer in its place' });
}
