import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import type { OciConfig } from '../../../src/assemble/oci-config.js';
import { file, sha256, tar } from './node.js';

/** An image as a docker-archive has it. */
export interface ArchiveImage {
  readonly id: string;
  readonly config: OciConfig;
  readonly layers: readonly Buffer[];
}

export interface WritableImage {
  readonly config: Buffer;
  readonly layers: readonly Buffer[];
  readonly tags?: readonly string[];
}

/** A docker-archive. */
export async function writeArchive(images: readonly WritableImage[]): Promise<Buffer> {
  const files = new Map<string, Buffer>();
  const manifest = images.map(({ config, layers, tags = null }) => {
    const configName = `${sha256(config)}.json`;
    files.set(configName, config);
    const names = layers.map((layer) => {
      const name = `${sha256(layer)}.tar`;
      files.set(name, layer);
      return name;
    });
    return { Config: configName, RepoTags: tags, Layers: names };
  });
  files.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  return tar([...files].map(([name, content]) => file(name, content)));
}

/** Reads what `save` gives: the older form with folders of layers, and the newer one with blobs. */
export async function readArchive(archive: Readable): Promise<ArchiveImage[]> {
  const files = new Map<string, Buffer>();
  const links = new Map<string, string>();
  const reader = extract();
  archive.on('error', (error) => reader.destroy(error)).pipe(reader);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, type, linkname } = entry.header;
    if (type === 'symlink') links.set(name, linkname!);
    else files.set(name, Buffer.concat(chunks));
  }
  const at = (name: string): Buffer => {
    const target = links.get(name);
    return files.get(target === undefined ? name : target.replace('../', ''))!;
  };
  const manifest = JSON.parse(at('manifest.json').toString()) as { Config: string; Layers: string[] }[];
  return manifest.map(({ Config, Layers }) => {
    const config = at(Config);
    return { id: `sha256:${sha256(config)}`, config: JSON.parse(config.toString()) as OciConfig, layers: (Layers ?? []).map(at) };
  });
}
