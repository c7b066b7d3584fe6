import type { ImageId } from '../core/identity.js';
import { PLAIN_LAYER } from './foreign-layer.js';
import type { ForeignLayer } from './foreign-layer.js';

type Json = Readonly<Record<string, unknown>>;

/** Finds the manifest of an image among the blobs of its export, which come in no order of use. */
export class SeenManifests {
  readonly #layers = new Map<string, readonly ForeignLayer[]>();
  /** The digest of the manifest that is looked for. */
  #wanted: string | undefined;

  constructor(image: ImageId) {
    this.#wanted = image;
  }

  /** The layers, as soon as it is certain that they are those of the image. */
  add(path: string, bytes: Buffer): readonly ForeignLayer[] | undefined {
    const blob = bytes[0] === 0x7b ? parse(bytes) : undefined;
    if (blob === undefined) return undefined;
    const digest = `sha256:${path.slice(path.lastIndexOf('/') + 1)}`;
    const layers = layersOf(blob);
    if (layers !== undefined) this.#layers.set(digest, layers);
    // For several platforms the index says of one image which manifests it has; attestations are of an unknown one.
    else if (digest === this.#wanted) this.#wanted = onlyImage(blob);
    return this.#wanted === undefined ? undefined : this.#layers.get(this.#wanted);
  }
}

function onlyImage({ manifests }: Json): string | undefined {
  if (!Array.isArray(manifests)) return undefined;
  const images = (manifests as readonly Json[]).filter(({ platform }) => (platform as Json | undefined)?.['os'] !== 'unknown');
  return images.length === 1 ? String(images[0]!['digest']) : undefined;
}

function layersOf({ layers }: Json): readonly ForeignLayer[] | undefined {
  if (!Array.isArray(layers)) return undefined;
  const found = (layers as readonly Json[]).flatMap(({ mediaType, digest, size }) => {
    const hex = /^sha256:([0-9a-f]{64})$/.exec(String(digest))?.[1];
    const type = ociType(String(mediaType));
    return hex === undefined || type === undefined || typeof size !== 'number' ? [] : [{ path: `blobs/sha256/${hex}`, mediaType: type, size }];
  });
  return found.length === layers.length ? found : undefined;
}

/** Docker's name of a layer's type is another one for the same; undefined for what is no layer of an image. */
function ociType(mediaType: string): string | undefined {
  if (mediaType.startsWith(PLAIN_LAYER)) return mediaType;
  const docker = /^application\/vnd\.docker\.image\.rootfs\.diff\.tar(?:\.(gzip|zstd))?$/.exec(mediaType);
  return docker === null ? undefined : docker[1] === undefined ? PLAIN_LAYER : `${PLAIN_LAYER}+${docker[1]}`;
}

function parse(bytes: Buffer): Json | undefined {
  try {
    return JSON.parse(bytes.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}
