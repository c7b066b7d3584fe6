// A process that loads images and may be killed. Prints `ready`, then one line of JSON.
// usage: worker HOST RUN COUNT BYTES [REFUSED]: COUNT images, each a layer of BYTES on the one before; HOST may be empty.
// REFUSED: then once more, into an engine that is taken for one that refuses incremental loads, with the first as its base.
import { createCipheriv, createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FIXED_TIME } from '../../../src/archive/entry.js';
import { tarOf } from '../../../src/archive/pack-tar.js';
import type { Digest } from '../../../src/core/identity.js';
import { connectEngine } from '../../../src/engine/connect.js';
import type { Layer } from '../../../src/layers/layer.js';
import { writeIncremental } from '../../../src/load/incremental.js';
import { createLoader } from '../../../src/load/load-images.js';
import { MemoryStore } from '../../../src/store/memory.js';
import type { Data } from '../../../src/core/record.js';
import type { BlobSource, Bucket, StoredBlob } from '../../../src/store/store.js';
import { engineLayer, loadable } from '../../contract/load/rig.js';

/** Blobs that are made each time they are read, so that none is in memory. */
class MadeBlobs extends MemoryStore {
  readonly seeds = new Map<string, string>();

  async add(seed: string, bytes: number): Promise<Layer> {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of tarFor(seed, bytes)) {
      hash.update(chunk as Buffer);
      size += (chunk as Buffer).length;
    }
    const digest = hash.digest('hex') as Digest;
    this.seeds.set(digest, `${bytes} ${seed}`);
    return { diffId: `sha256:${digest}`, size, content: { kind: 'blob', blob: digest } };
  }

  override async readBlob(digest: Digest): Promise<Readable> {
    const made = this.seeds.get(digest);
    if (made === undefined) return createReadStream(join(folder, digest));
    const [bytes, seed] = made.split(' ');
    return tarFor(seed!, Number(bytes));
  }

  override async putRecord(bucket: Bucket, key: string, value: Data): Promise<void> {
    await super.putRecord(bucket, key, value);
  }

  override async writeBlob(source: BlobSource): Promise<StoredBlob> {
    const hash = createHash('sha256');
    let size = 0;
    const file = join(folder, randomUUID());
    await pipeline(Buffer.isBuffer(source) ? Readable.from([source]) : source, async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    }, createWriteStream(file));
    const digest = hash.digest('hex') as Digest;
    await rename(file, join(folder, digest));
    return { digest, size };
  }
}

function tarFor(seed: string, size: number): Readable {
  return tarOf([{ entry: { type: 'file', path: seed, mode: 0o644, uid: 0, gid: 0, mtime: FIXED_TIME, size }, content: noise(seed, size) }]);
}

/** Repeatable, and nothing that could be compressed. */
async function* noise(seed: string, size: number): AsyncGenerator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16));
  const zeros = Buffer.alloc(1 << 16);
  for (let left = size; left > 0; left -= zeros.length) yield cipher.update(zeros.subarray(0, Math.min(left, zeros.length)));
}

const [host = '', run = '', count = '', bytes = '', refused] = process.argv.slice(2);
/** Of layers that are compressed; the test removes it with the program. */
const folder = join(dirname(process.argv[1]!), run);
await mkdir(folder, { recursive: true });
const engine = connectEngine(host === '' ? {} : { host });
const store = new MadeBlobs();
const layers: Layer[] = [];
for (let n = 0; n < Number(count); n += 1) layers.push(await store.add(`layer-${n}-${run}`, Number(bytes)));
const options = { labels: { 'wheelwright.test': run } };
const images = layers.map((_, n) => loadable(layers.slice(0, n + 1), { ...options, tags: [`wheelwright-test/load-${run}:${n}`] }));
const { load } = createLoader({ engine, store });
await engine.info();
const before = process.resourceUsage().maxRSS;
process.stdout.write('ready\n');
const ids = await load(images);
if (refused !== undefined) {
  await writeIncremental(store, await engine.info(), 'refused');
  const top = await store.add(`top-${run}`, 1000);
  const base = [engineLayer(layers[0]!.diffId), top];
  await load([loadable(base, { ...options, tags: [`wheelwright-test/load-${run}:full`], known: 1, base: ids[0]! })]);
}
process.stdout.write(`${JSON.stringify({ ids, growth: process.resourceUsage().maxRSS - before, diffIds: layers.map(({ diffId }) => diffId) })}\n`);
