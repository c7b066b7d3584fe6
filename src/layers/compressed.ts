import { createHash, type Hash } from 'node:crypto';
import { PassThrough, Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { fail } from '../core/failure.js';
import type { Digest } from '../core/identity.js';
import type { Data } from '../core/record.js';
import type { Store } from '../store/store.js';
import type { DiffId, Layer } from './layer.js';
import { openLayer } from './open-layer.js';

export type Compression = 'gzip' | 'zstd';

/** A layer as registries have it: digest and size are of the compressed bytes. */
export interface CompressedLayer {
  /** Of the tar. */
  readonly diffId: DiffId;
  /** OCI image spec, layer. */
  readonly mediaType: string;
  /** `sha256:<hex>` */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** The bytes from an offset on. */
  open(offset: number): Promise<Readable>;
}

/** A record of bucket `layers`, under `<compression>-<hex of the diff id>`. */
interface StoredCompressed {
  readonly format: 1;
  readonly blob: Digest;
  readonly size: number;
}

export interface CompressOptions {
  readonly store: Store;
  readonly format: Compression;
  /** Stops compressing. */
  readonly signal?: AbortSignal;
}

const MEDIA_TYPE = 'application/vnd.oci.image.layer.v1.tar';

/** The compressed form of a layer. It is made and stored once; `unsupported` where this Node has no zstd. */
export async function compressedLayer(layer: Layer, { store, format, signal }: CompressOptions): Promise<CompressedLayer> {
  const key = keyOf(layer, format);
  const stored = (await find(key, store)) ?? (await store.withLock(`layers-${key}`, async () => (await find(key, store)) ?? compress(layer, { store, format, key, ...(signal === undefined ? {} : { signal }) })));
  return opened(layer, stored, { store, format });
}

/** The compressed form if the store has it. */
export async function findCompressed(layer: Layer, { store, format }: CompressOptions): Promise<CompressedLayer | undefined> {
  const stored = await find(keyOf(layer, format), store);
  return stored === undefined ? undefined : opened(layer, stored, { store, format });
}

function keyOf({ diffId }: Layer, format: Compression): string {
  return `${format}-${diffId.slice('sha256:'.length)}`;
}

function opened({ diffId }: Layer, { blob, size }: StoredCompressed, { store, format }: CompressOptions): CompressedLayer {
  return {
    diffId,
    mediaType: `${MEDIA_TYPE}+${format}`,
    digest: `sha256:${blob}`,
    size,
    open: async (offset) => from(await store.readBlob(blob), offset),
  };
}

async function find(key: string, store: Store): Promise<StoredCompressed | undefined> {
  const found = (await store.getRecord('layers', key)) as unknown as StoredCompressed | undefined;
  return found?.format === 1 ? found : undefined;
}

async function compress(layer: Layer, { store, format, key, signal }: CompressOptions & { readonly key: string }): Promise<StoredCompressed> {
  const compressor = compressorOf(format);
  const hash = createHash('sha256');
  const out = new PassThrough();
  const running = pipeline(await openLayer(layer, store), hashing(hash), compressor, out);
  // Its error is the reader's too; here it must not be unhandled.
  running.catch(() => undefined);
  const { digest, size } = await store.writeBlob(out, { subject: `layer ${layer.diffId}`, ...(signal === undefined ? {} : { signal }) });
  await running;
  const diffId = `sha256:${hash.digest('hex')}`;
  if (diffId !== layer.diffId) throw new Error(`the layer ${layer.diffId} came out as ${diffId}`);
  const stored: StoredCompressed = { format: 1, blob: digest, size };
  await store.putRecord('layers', key, stored as unknown as Data, { blobs: [digest] });
  return stored;
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

/** Neither writes names or times. The levels are Node's defaults, said here so that another default gives no other bytes. */
function compressorOf(format: Compression): Transform {
  if (format === 'gzip') return zlib.createGzip({ level: 6, chunkSize: 256 * 1024 });
  const { createZstdCompress, constants } = zlib as unknown as ZstdModule;
  if (createZstdCompress !== undefined) return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 }, chunkSize: 256 * 1024 });
  return fail({ reason: 'unsupported', message: `Node ${process.versions.node} can't compress with zstd`, advice: 'run it with Node 22.15 or newer, or choose gzip' });
}

/** What newer ones have. */
interface ZstdModule {
  readonly createZstdCompress?: (options: { readonly params: Readonly<Record<number, number>>; readonly chunkSize: number }) => Transform;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/** Without its first bytes. */
function from(stream: Readable, offset: number): Readable {
  if (offset === 0) return stream;
  const rest = new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      const cut = Math.min(offset, chunk.length);
      offset -= cut;
      done(null, cut < chunk.length ? chunk.subarray(cut) : undefined);
    },
  });
  pipeline(stream, rest).catch(() => undefined);
  return rest;
}
