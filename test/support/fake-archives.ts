import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { fail } from '../../src/core/failure.js';
import type { ImageId } from '../../src/core/identity.js';
import type { Files } from './fake-engine.js';

/** An image as an archive describes it. */
export interface ArchivedImage {
  readonly id: ImageId;
  readonly config: Buffer;
  readonly tags: readonly string[];
  /** Diff ids, bottom first; with the bytes that came along. */
  readonly layers: readonly { readonly diffId: string; readonly content: Buffer | undefined }[];
  /** The manifest's bytes, in an OCI layout. */
  readonly manifest?: Buffer;
}

/** The images of a docker-archive, as an engine with a graph driver takes it. */
export function readDockerArchive(files: Files): readonly ArchivedImage[] {
  const manifest = files.get('manifest.json')?.content ?? refuse('there is no manifest');
  return (JSON.parse(manifest.toString()) as { Config: string; RepoTags: string[] | null; Layers: string[] }[]).map(({ Config, RepoTags, Layers }) => {
    const config = files.get(Config)?.content ?? refuse(`open ${Config}: no such file or directory`);
    const diffIds = diffIdsOf(config);
    if (diffIds.length !== Layers.length) refuse(`invalid manifest, layers length mismatch: expected ${Layers.length}, got ${diffIds.length}`);
    const layers = diffIds.map((diffId, at) => ({ diffId, content: checked(diffId, files.get(Layers[at]!)?.content) }));
    return { id: `sha256:${sha256(config)}` as ImageId, config, tags: RepoTags ?? [], layers };
  });
}

/** The images of an OCI layout, as the containerd image store takes it: layers and tags may be told in any order. */
export function readOciLayout(files: Files): readonly ArchivedImage[] {
  if (!files.has('oci-layout')) refuse('unrecognized image format');
  const blob = (digest: string) => files.get(`blobs/sha256/${digest.slice(7)}`)?.content;
  const index = JSON.parse((files.get('index.json')?.content ?? refuse('there is no index.json')).toString()) as { manifests: { digest: string; annotations?: Record<string, string> }[] };
  const images = new Map<string, ArchivedImage>();
  for (const { digest, annotations } of index.manifests) {
    const manifest = blob(digest) ?? refuse(`content digest ${digest}: not found`);
    const { config: { digest: configDigest }, layers } = JSON.parse(manifest.toString()) as { config: { digest: string }; layers: { digest: string }[] };
    const config = blob(configDigest) ?? refuse(`content digest ${configDigest}: not found`);
    const name = annotations?.['io.containerd.image.name'];
    const tags = [...(images.get(digest)?.tags ?? []), ...(name === undefined ? [] : [name.replace(/^docker\.io\/(?:library\/)?/, '')])];
    const contents = diffIdsOf(config).map((diffId, at) => ({ diffId, content: checked(diffId, blob(layers[at]!.digest)) }));
    images.set(digest, { id: digest as ImageId, config, tags, layers: contents, manifest });
  }
  return [...images.values()];
}

/** A layer for an image that was made out of nothing; every fake engine takes it for the bytes of this diff id. */
export function standIn(diffId: string): Buffer {
  return Buffer.from(`layer ${diffId}`);
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function checked(diffId: string, content: Buffer | undefined): Buffer | undefined {
  if (content === undefined || content.equals(standIn(diffId))) return content;
  const plain = content[0] === 0x1f && content[1] === 0x8b ? gunzipSync(content) : content;
  return `sha256:${sha256(plain)}` === diffId ? content : refuse(`invalid diffID: expected ${diffId}`);
}

function diffIdsOf(config: Buffer): readonly string[] {
  return (JSON.parse(config.toString()) as { rootfs?: { diff_ids?: string[] } }).rootfs?.diff_ids ?? [];
}

function refuse(why: string): never {
  return fail({ reason: 'archive', message: `could not load images: ${why}` });
}
