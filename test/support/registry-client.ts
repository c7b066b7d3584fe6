import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { Failed, type Problem } from '../../src/core/failure.js';
import { createRequester } from '../../src/net/create-requester.js';
import type { HttpSettings } from '../../src/net/settings.js';
import type { BlobSource, RegistryClient } from '../../src/registry/client.js';
import { createRegistryClient } from '../../src/registry/create-client.js';
import type { Credentials } from '../../src/registry/credentials.js';
import { rawTar } from '../unit/archive/raw-tar.js';
import { MEDIA_TYPES, type NewManifest } from '../../src/registry/manifest.js';

const QUICK: HttpSettings = { backoff: 1, timeouts: { connect: 10_000, read: 10_000 } };

export function clientWith(credentials?: Credentials, settings: HttpSettings = {}): RegistryClient {
  const requester = createRequester({ ...QUICK, ...settings });
  return createRegistryClient({ requester, credentials: async () => credentials, insecure: [], now: Date.now });
}

export interface TestBlob extends BlobSource {
  readonly bytes: Buffer;
  /** Offsets that it was read from. */
  readonly opened: number[];
}

export function blobOf(bytes: Buffer): TestBlob {
  const opened: number[] = [];
  const open = (offset: number): Readable => {
    opened.push(offset);
    return Readable.from(pieces(bytes.subarray(offset)), { objectMode: false });
  };
  return { bytes, opened, digest: sha256(bytes), size: bytes.length, open };
}

export function randomBlob(size: number): TestBlob {
  return blobOf(randomBytes(size));
}

/** A small image of one file, as OCI has it. */
export function tinyImage(content: string): { readonly blobs: readonly TestBlob[]; readonly manifest: NewManifest } {
  const tar = rawTar([{ name: 'file', content }]);
  const layer = blobOf(gzipSync(tar));
  const config = blobOf(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Labels: { content } }, rootfs: { type: 'layers', diff_ids: [sha256(tar)] } })));
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: config.digest, size: config.size },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: layer.digest, size: layer.size }],
  };
  return { blobs: [config, layer], manifest: { mediaType: MEDIA_TYPES.ociManifest, bytes: Buffer.from(JSON.stringify(manifest)) } };
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error: unknown = await work.then(() => new Error('it did not fail'), (reason: unknown) => reason);
  if (!(error instanceof Failed)) throw error;
  return error.problems[0] as Problem;
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
