import { createHash, randomUUID } from 'node:crypto';
import { PassThrough, pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { tarOf } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import type { Digest, ImageId } from '../../../src/core/identity.js';
import type { Engine } from '../../../src/engine/engine.js';
import type { DiffId, Layer } from '../../../src/layers/layer.js';
import type { LoadableImage } from '../../../src/load/port.js';
import type { Store } from '../../../src/store/store.js';
import { standIn } from '../../support/fake-archives.js';

export interface LoadableOptions {
  readonly tags?: readonly string[];
  readonly known?: number;
  readonly base?: ImageId;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A layer of one file, as a blob. */
export async function layerOf(store: Store, path: string, content: string | Buffer = randomUUID()): Promise<Layer> {
  const bytes = Buffer.from(content);
  const { digest, size } = await store.writeBlob(tarOf([{ entry: { type: 'file', path, mode: 0o755, uid: 0, gid: 0, mtime: FIXED_TIME, size: bytes.length }, content: bytes }]));
  return { diffId: `sha256:${digest}`, size, content: { kind: 'blob', blob: digest as Digest } };
}

/** A layer that only the engine has. */
export function engineLayer(diffId: string): Layer {
  return { diffId: diffId as DiffId, size: -1, content: { kind: 'engine' } };
}

export function loadable(layers: readonly Layer[], { tags = [], known = 0, base, labels = {} }: LoadableOptions): LoadableImage {
  const config = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux', created: '1980-01-01T00:00:00Z',
    config: { Cmd: ['cat', '/top'], Labels: labels },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: '1980-01-01T00:00:00Z', created_by: 'test' })),
  };
  return { config: Buffer.from(JSON.stringify(config)), layers, tags, known, ...(base === undefined ? {} : { base }) };
}

/** The engine, with the bytes of each load counted. */
export function counting(engine: Engine): { readonly engine: Engine; readonly bytes: number[] } {
  const bytes: number[] = [];
  const load: Engine['load'] = async (archive, options) => {
    const at = bytes.push(0) - 1;
    const counted = new PassThrough();
    archive.on('data', (chunk: Buffer) => void (bytes[at]! += chunk.length));
    pipeline(archive, counted, () => undefined);
    return await engine.load(counted, options);
  };
  return { engine: Object.assign(Object.create(engine) as Engine, { load }), bytes };
}

/** The layers of an image that the engine's own export lacks, or has with other bytes; of an image that is not there, all. */
export async function brokenLayers(engine: Engine, reference: string, diffIds: readonly string[]): Promise<readonly string[]> {
  const image = await engine.image(reference);
  if (image === undefined) return diffIds;
  const exported = new Set<string>();
  for await (const { entry, content } of readTar(await engine.save([image.id]), { subject: reference, links: 'keep' })) {
    if (entry.type === 'file') exported.add(await plainDigest(content));
  }
  const missing = diffIds.filter((diffId) => !exported.has(diffId) && !exported.has(`sha256:${createHash('sha256').update(standIn(diffId)).digest('hex')}`));
  return image.layers.join() === diffIds.join() ? missing : [`layers are ${image.layers.join()}`, ...missing];
}

async function plainDigest(content: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  return `sha256:${createHash('sha256').update(plain).digest('hex')}`;
}
