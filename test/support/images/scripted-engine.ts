import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { readTar } from '../../../src/archive/read-tar.js';
import { Failed } from '../../../src/core/failure.js';
import type { ImageId } from '../../../src/core/identity.js';
import type { BuildOptions, Engine, ImageInfo } from '../../../src/engine/engine.js';

export interface Built {
  readonly tag: string;
  readonly files: ReadonlyMap<string, string>;
  readonly dockerfile: string;
  readonly options: BuildOptions;
}

/** An engine that builds by recording what it was sent; FROM must name an image that it has. */
export class ScriptedEngine {
  readonly images = new Map<string, ImageInfo>();
  readonly tags = new Map<string, ImageId>();
  readonly built: Built[] = [];
  readonly calls: string[] = [];
  /** References that can be pulled, and what they then are. */
  readonly registry = new Map<string, { digest: string }>();
  /** Builds whose tag contains one of these fail. */
  readonly failing = new Set<string>();
  /** Runs while a build is under way. */
  during: (tag: string) => Promise<void> = async () => undefined;
  running = 0;
  mostRunning = 0;

  /** The parts of the port that images need. */
  readonly port = {
    address: 'scripted',
    release: async () => '20.10.24',
    info: async () => ({ version: '20.10.24', apiVersion: '1.41', os: 'linux', architecture: 'amd64', rootless: false, imageStore: 'graphdriver', storageDriver: 'overlay2', buildkit: true, id: 'x' }),
    image: async (reference: string) => {
      this.calls.push(`image ${reference}`);
      return this.find(reference);
    },
    images: async (labels: readonly string[]) => {
      this.calls.push('images');
      return [...this.images.values()]
        .filter((image) => labels.every((label) => label in image.labels))
        .map((image) => ({ ...image, tags: this.tagsOf(image.id), created: 0 }));
    },
    pull: async (reference: string) => {
      this.calls.push(`pull ${reference}`);
      const found = this.registry.get(reference);
      if (found === undefined) throw new Failed({ reason: 'not-found', message: `${reference} is in no registry` });
      return this.add(reference, found.digest, {}, [`${reference.replace(/:[^/]*$/, '')}@${found.digest}`]);
    },
    tag: async (id: ImageId, reference: string) => {
      this.calls.push(`tag ${reference}`);
      this.tags.set(reference, id);
    },
    build: async (options: BuildOptions) => this.build(options),
  } as unknown as Engine;

  add(reference: string, content: string, labels: Readonly<Record<string, string>> = {}, repoDigests: readonly string[] = []): ImageInfo {
    const id = `sha256:${createHash('sha256').update(content).digest('hex')}` as ImageId;
    const image: ImageInfo = {
      id, tags: [], repoDigests, labels, os: 'linux', architecture: 'amd64', size: 0, created: '', layers: [],
      config: { env: [], user: '', workingDir: '', exposedPorts: [], volumes: [] },
    };
    this.images.set(id, image);
    this.tags.set(withTag(reference), id);
    return image;
  }

  find(reference: string): ImageInfo | undefined {
    const image = this.images.get(this.tags.get(withTag(reference)) ?? reference);
    return image && { ...image, tags: this.tagsOf(image.id) };
  }

  private tagsOf(id: string): string[] {
    return [...this.tags].filter(([, tagged]) => tagged === id).map(([tag]) => tag);
  }

  private async build(options: BuildOptions): Promise<ImageId> {
    const tag = options.tags[0]!;
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      const files = await filesOf(options.context());
      const { dockerfile, labels: written } = withoutLabels(files.get(options.dockerfile)!);
      await this.during(tag);
      let labels: Record<string, string> = {};
      for (const [, from] of dockerfile.matchAll(/^FROM (\S+)/gm)) {
        if (from === 'scratch' || new RegExp(` AS ${from}$`, 'm').test(dockerfile)) continue;
        const parent = this.find(from!);
        if (parent === undefined) throw new Failed({ reason: 'build', message: `pull access denied for ${from}` });
        labels = { ...parent.labels };
      }
      if ([...this.failing].some((part) => tag.includes(part))) throw new Failed({ reason: 'build', message: 'the command returned 1', detail: ['boom'] });
      const own = { ...options.labels, ...written };
      this.built.push({ tag, files, dockerfile, options: { ...options, labels: own } });
      return this.add(tag, JSON.stringify([...files]) + tag, { ...labels, ...own }).id;
    } finally {
      this.running -= 1;
    }
  }
}

/** The labels that a last instruction sets, as our builds end with, and the Dockerfile without it. */
function withoutLabels(text: string): { dockerfile: string; labels: Record<string, string> } {
  const at = text.lastIndexOf('LABEL wheelwright.');
  if (at === -1) return { dockerfile: text, labels: {} };
  return { dockerfile: text.slice(0, at), labels: Object.fromEntries([...text.slice(at).matchAll(/(\S+)='([^']*)'/g)].map(([, name, value]) => [name!, value!])) };
}

async function filesOf(context: Readable): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { entry, content } of readTar(context, { subject: 'context' })) {
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk as Buffer);
    files.set(entry.path, entry.type === 'symlink' ? `→ ${entry.target}` : Buffer.concat(chunks).toString());
  }
  return files;
}

function withTag(reference: string): string {
  return reference.includes('@') || /:[^/]+$/.test(reference) ? reference : `${reference}:latest`;
}
