import type { Readable } from 'node:stream';
import { readTar } from '../archive/read-tar.js';
import { Failed } from '../core/failure.js';
import type { ImageId } from '../core/identity.js';
import type { Engine } from '../engine/engine.js';

/** An engine's own archive may be as big as its images are. */
const LIMITS = { bytes: Number.MAX_SAFE_INTEGER, entries: 1_000_000 };
const MAX_MANIFEST = 16 * 1024 * 1024;

/** What could be a layer in an image archive: `<id>/layer.tar` up to engine 24, a blob since. */
const LAYER = /^(?:[^/]+\/layer\.tar|blobs\/sha256\/[0-9a-f]{64})$/;

/** A file of an image's archive; its content must be read, or left, before the next one is asked for. */
export interface SavedFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly content: Readable;
}

/**
 * Reads an image's archive as the engine writes it. Gives every file that could be a layer, in the archive's order
 * (configurations too: only the end tells what is what), and in the end the paths of the layers, bottom first. Nothing is
 * kept: the archive passes by as a stream.
 */
export async function* readSavedImage(engine: Engine, image: ImageId): AsyncGenerator<SavedFile, readonly string[], void> {
  const links = new Map<string, string>();
  let manifest: string | undefined;
  for await (const { entry, content } of readTar(await engine.save([image]), { subject: `image ${image}`, links: 'keep', limits: LIMITS })) {
    if (entry.type === 'file' && entry.path === 'manifest.json' && entry.size <= MAX_MANIFEST) manifest = await textOf(content);
    else if (entry.type === 'file' && LAYER.test(entry.path)) yield { path: entry.path, size: entry.size, content };
    // Layers with equal content are there once (engines before 25).
    else if (entry.type === 'symlink' && LAYER.test(entry.path)) links.set(entry.path, entry.target.replace(/^\.\.\//, ''));
  }
  return layersOf(manifest, image).map((path) => links.get(path) ?? path);
}

function layersOf(manifest: string | undefined, image: ImageId): readonly string[] {
  try {
    const [first] = JSON.parse(manifest ?? '') as readonly { readonly Layers?: unknown }[];
    const layers = first?.Layers;
    if (Array.isArray(layers) && layers.every((path): path is string => typeof path === 'string')) return layers;
  } catch {
    // Told below.
  }
  throw new Failed({ reason: 'engine', message: `the engine exported ${image} without a manifest.json that lists its layers` });
}

async function textOf(content: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
