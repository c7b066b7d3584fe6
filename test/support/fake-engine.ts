import { createHash } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Entry } from '../../src/archive/entry.js';
import { tarOf } from '../../src/archive/pack-tar.js';
import type { PackItem } from '../../src/archive/pack-tar.js';
import { readTar } from '../../src/archive/read-tar.js';
import { Failed, fail } from '../../src/core/failure.js';
import type { ImageId } from '../../src/core/identity.js';
import type { Attachment, BuildOptions, Container, ContainerSpec, ContainerState, Engine, EngineInfo, ExecSpec, ImageDetails, ImageInfo, LoadOptions, UnpackOptions } from '../../src/engine/engine.js';
import { splitTag } from '../../src/engine/reference.js';
import { readDockerArchive, readOciLayout, sha256, standIn } from './fake-archives.js';
import type { ArchivedImage } from './fake-archives.js';

/** What a command of the fake sees; it writes and gives its exit code. */
export interface Io {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: Files;
  readonly stdin: Readable;
  stdout(data: string | Buffer): Promise<void>;
  stderr(data: string | Buffer): Promise<void>;
  /** Resolves when somebody sends a signal. */
  readonly signal: Promise<string>;
}

/** Files of a container or of a build's context, by path without a leading slash. */
export type Files = Map<string, { readonly entry: Entry; readonly content: Buffer }>;

export interface FakeEngineScript {
  readonly info?: Partial<EngineInfo>;
  /** Runs a container's or an exec's command; default: nothing, exit code 0. */
  readonly run?: (io: Io) => Promise<number>;
  /** Decides a build; throw Failed to refuse it. Labels and tags are taken from the options. */
  readonly build?: (options: BuildOptions, files: Files) => Promise<Partial<ImageInfo>>;
  /** Decides what is done with an archive whose images lack layers, or not: what it is refused for; default: as engines do. */
  readonly load?: (lacksLayers: boolean) => string | undefined;
  /** What a registry has: image by reference. */
  readonly registry?: ReadonlyMap<string, Partial<ImageInfo>>;
}

/** An engine in memory. Every call is noted in `calls` as `name argument`; commands and builds are scripted. */
export class FakeEngine implements Engine {
  readonly calls: string[] = [];
  private readonly stored = new Map<ImageId, ImageInfo>();
  private readonly machines = new Map<string, FakeContainer>();
  private readonly contents = new Map<string, Buffer>();
  private readonly configs = new Map<ImageId, ArchivedImage>();
  /** Diff ids of the layers that came with each load. */
  readonly loadedLayers: (readonly string[])[] = [];
  private counter = 0;

  constructor(readonly script: FakeEngineScript = {}) {}

  readonly address = 'fake';

  async release(): Promise<string> {
    return this.script.info?.version ?? '20.10.24';
  }

  async info(): Promise<EngineInfo> {
    return {
      version: '20.10.24', apiVersion: '1.41', os: 'linux', architecture: 'amd64', rootless: false, imageStore: 'graphdriver',
      storageDriver: 'fake', buildkit: true, id: 'FAKE', ...this.script.info,
    };
  }

  /** Makes an image out of nothing; its id follows from its content. */
  addImage(tags: readonly string[], parts: Partial<ImageInfo> = {}): ImageInfo {
    const image: ImageInfo = {
      id: '' as ImageId, repoDigests: [], labels: {}, os: 'linux', architecture: 'amd64', size: 1, created: '1980-01-01T00:00:00Z', layers: [],
      config: { env: [], user: '', workingDir: '', exposedPorts: [], volumes: [] }, ...parts, tags: [],
    };
    const { id: _id, tags: _tags, repoDigests: _digests, ...content } = image;
    const id = (parts.id ?? `sha256:${createHash('sha256').update(JSON.stringify(content)).digest('hex')}`) as ImageId;
    this.stored.set(id, { ...image, id, tags: this.stored.get(id)?.tags ?? [] });
    for (const tag of tags) this.moveTag(id, tag);
    return this.stored.get(id)!;
  }

  async image(reference: string): Promise<ImageInfo | undefined> {
    this.calls.push(`image ${reference}`);
    return this.find(reference);
  }

  async imageDetails(reference: string): Promise<ImageDetails | undefined> {
    const image = await this.image(reference);
    if (image === undefined) return undefined;
    const { id, architecture, os, created, layers } = image;
    const { config } = configOfImage(image) as { config: Readonly<Record<string, unknown>> };
    return { id, architecture, os, created, layers, config, history: layers.map(() => ({ createdBy: 'fake', comment: '', created, size: 1 })) };
  }

  async images(labels: readonly string[]) {
    const found = [...this.stored.values()].filter((image) => hasLabels(image.labels, labels));
    return found.map(({ id, tags, repoDigests, labels: all, size }) => ({ id, tags, repoDigests, labels: all, size, created: 0 }));
  }

  async pull(reference: string): Promise<ImageInfo> {
    this.calls.push(`pull ${reference}`);
    const image = this.script.registry?.get(reference) ?? fail({ reason: 'not-found', message: `could not pull ${reference}` });
    return this.addImage([reference], image);
  }

  async build(options: BuildOptions): Promise<ImageId> {
    this.calls.push(`build ${options.tags.join(' ')}`);
    const files = await filesOf(options.context());
    const parts = (await this.script.build?.(options, files)) ?? { layers: [await this.layerOf(files)] };
    return this.addImage(options.tags, { ...parts, labels: { ...parts.labels, ...options.labels } }).id;
  }

  async unpack({ from, tars }: UnpackOptions): Promise<ImageId> {
    this.calls.push(`unpack ${tars.length}`);
    const { layers } = this.find(from) ?? fail({ reason: 'build', message: `no image ${from}` });
    const added: string[] = [];
    for (const open of tars) {
      const bytes = await buffer(await open());
      if (bytes.length % 512 !== 0) fail({ reason: 'build', message: 'this does not look like a tar archive' });
      added.push(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
    }
    return this.addImage([], { layers: [...layers, ...added] }).id;
  }

  async tag(image: ImageId, reference: string): Promise<void> {
    this.calls.push(`tag ${reference}`);
    const { id } = this.find(image) ?? fail({ reason: 'engine', message: `the engine could not tag ${image}` });
    this.moveTag(id, reference);
  }

  async removeImage(reference: string): Promise<'removed' | 'absent' | 'in-use'> {
    this.calls.push(`removeImage ${reference}`);
    const image = this.find(reference);
    if (image === undefined) return 'absent';
    const used = [...this.machines.values()].some(({ imageId }) => imageId === image.id);
    const byTag = image.tags.includes(named(reference));
    if (used && (!byTag || image.tags.length === 1)) return 'in-use';
    const tags = byTag ? image.tags.filter((tag) => tag !== named(reference)) : [];
    if (tags.length > 0) this.stored.set(image.id, { ...image, tags });
    else this.stored.delete(image.id);
    return 'removed';
  }

  /**
   * As the real ones: a docker-archive may lack layers whose chain an image of this engine has; with the containerd store
   * an OCI layout may lack those that an image has, and one that lacks others is tagged all the same.
   */
  async load(archive: Readable, options: LoadOptions = {}): Promise<readonly string[]> {
    this.calls.push('load');
    const { imageStore } = await this.info();
    let files: Files;
    try {
      files = await within(filesOf(archive), options.signal);
    } catch (error) {
      archive.destroy();
      throw error;
    }
    const images = imageStore === 'containerd' ? readOciLayout(files) : readDockerArchive(files);
    this.loadedLayers.push(images.flatMap(({ layers }) => layers.flatMap(({ diffId, content }) => (content === undefined ? [] : [diffId]))));
    const loaded: string[] = [];
    for (const image of images) {
      const missing = this.missingLayers(image, imageStore === 'containerd' ? 'layer' : 'chain');
      const lacks = image.layers.some(({ content }) => content === undefined);
      const refused = this.script.load?.(lacks) ?? (missing.length > 0 ? `layer ${missing[0]} is missing` : undefined);
      if (refused !== undefined && imageStore === 'graphdriver') fail({ reason: 'archive', message: `could not load images: ${refused}` });
      for (const { diffId, content } of image.layers) if (content !== undefined) this.contents.set(diffId, content);
      const parts = imageOfConfig(JSON.parse(image.config.toString()) as OciConfig);
      // What the containerd store shows of an image whose layers it could not unpack.
      const { id } = this.addImage(image.tags, { ...parts, id: image.id, ...(refused === undefined ? {} : { layers: [] }) });
      this.configs.set(id, image);
      if (refused !== undefined) fail({ reason: 'archive', message: `could not load images: ${refused}` });
      loaded.push(...(image.tags.length === 0 ? [id] : image.tags));
    }
    return loaded;
  }

  async save(references: readonly string[]): Promise<Readable> {
    this.calls.push(`save ${references.join(' ')}`);
    const items = new Map<string, PackItem>();
    const add = (path: string, content: Buffer | string) => void items.set(path, file(path, content));
    const manifest = references.map((reference) => {
      const image = this.find(reference) ?? fail({ reason: 'not-found', message: `the engine could not save ${reference}` });
      const loaded = this.configs.get(image.id);
      const config = loaded?.config ?? Buffer.from(JSON.stringify(configOfImage(image)));
      for (const diffId of image.layers) add(`blobs/sha256/${diffId.slice(7)}`, this.contents.get(diffId) ?? standIn(diffId));
      add(`blobs/sha256/${sha256(config)}`, config);
      return {
        Config: `blobs/sha256/${sha256(config)}`, RepoTags: image.tags.includes(named(reference)) ? [named(reference)] : null,
        Layers: image.layers.map((diffId) => `blobs/sha256/${diffId.slice(7)}`),
      };
    });
    add('manifest.json', JSON.stringify(manifest));
    return tarOf(items.values());
  }

  async push(reference: string): Promise<{ digest: string }> {
    this.calls.push(`push ${reference}`);
    return { digest: this.find(reference)?.id ?? fail({ reason: 'registry', message: `could not push ${reference}` }) };
  }

  async createContainer(spec: ContainerSpec): Promise<Container> {
    this.calls.push(`createContainer ${spec.image}`);
    const image = this.find(spec.image) ?? fail({ reason: 'not-found', message: `the engine has no image ${spec.image}` });
    const id = createHash('sha256').update(String((this.counter += 1))).digest('hex');
    const container = new FakeContainer(id, image.id, spec, this.script, () => this.machines.delete(id));
    this.machines.set(id, container);
    return container;
  }

  async containers(labels: readonly string[]) {
    const found = [...this.machines.values()].filter(({ spec }) => hasLabels(spec.labels ?? {}, labels));
    return found.map(({ id, imageId, spec, state }) => ({ id, image: spec.image, imageId, state, labels: spec.labels ?? {}, created: 0 }));
  }

  container(id: string): Container {
    return this.machines.get(id) ?? new FakeContainer(id, '' as ImageId, { image: '' }, this.script, () => undefined, true);
  }

  /** A layer with these files; its bytes are kept for exports. */
  private async layerOf(files: Files): Promise<string> {
    const chunks: Buffer[] = [];
    const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
    for await (const chunk of tarOf(sorted.map(([path, { entry, content }]) => ({ entry: { ...entry, path }, content })))) chunks.push(chunk as Buffer);
    const tar = Buffer.concat(chunks);
    this.contents.set(`sha256:${sha256(tar)}`, tar);
    return `sha256:${sha256(tar)}`;
  }

  /** What an archive lacks and the engine's images, and those before it, lack too. */
  private missingLayers({ layers }: ArchivedImage, by: 'chain' | 'layer'): readonly string[] {
    const names = (diffIds: readonly string[]) => diffIds.map((diffId, at) => (by === 'layer' ? diffId : diffIds.slice(0, at + 1).join()));
    const known = new Set([...this.stored.values()].flatMap((image) => names(image.layers)));
    const wanted = names(layers.map(({ diffId }) => diffId));
    return layers.flatMap(({ diffId, content }, at) => (content !== undefined || known.has(wanted[at]!) ? [] : [diffId]));
  }

  private find(reference: string): ImageInfo | undefined {
    return this.stored.get(reference as ImageId) ?? [...this.stored.values()].find(({ tags }) => tags.includes(named(reference)));
  }

  private moveTag(id: ImageId, reference: string): void {
    const tag = named(reference);
    for (const [other, image] of this.stored) {
      const tags = image.tags.filter((one) => one !== tag);
      this.stored.set(other, { ...image, tags: other === id ? [...tags, tag] : tags });
    }
  }
}

class FakeContainer implements Container {
  state: 'created' | 'running' | 'exited' = 'created';
  private gone: boolean;
  private exitCode = 0;
  private readonly files: Files = new Map(['', 'tmp', 'etc'].map((path) => [path, { entry: { type: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 0 }, content: Buffer.alloc(0) }]));
  private readonly input = new PassThrough();
  private readonly output = { stdout: new PassThrough(), stderr: new PassThrough() };
  private readonly log: Buffer[] = [];
  private signal: (name: string) => void = () => undefined;
  private readonly signalled = new Promise<string>((resolve) => (this.signal = resolve));
  private ended: () => void = () => undefined;
  private readonly ending = new Promise<void>((resolve) => (this.ended = resolve));

  constructor(
    readonly id: string,
    readonly imageId: ImageId,
    readonly spec: ContainerSpec,
    private readonly script: FakeEngineScript,
    private readonly forget: () => void,
    gone = false,
  ) {
    this.gone = gone;
  }

  async start(): Promise<void> {
    this.mustExist();
    this.state = 'running';
    const write = (stream: PassThrough) => async (data: string | Buffer) => {
      this.log.push(Buffer.from(data));
      stream.write(data);
    };
    const main = this.execute([...(this.spec.entrypoint ?? []), ...(this.spec.command ?? [])], this.spec.env ?? {}, {
      stdin: this.input, stdout: write(this.output.stdout), stderr: write(this.output.stderr),
    });
    void Promise.race([main, this.signalled.then((name) => (name === 'KILL' ? 137 : 143))]).then((code) => this.end(code));
  }

  async exec(spec: ExecSpec): Promise<{ exitCode: number }> {
    if (this.gone || this.state !== 'running') fail({ reason: 'engine', message: `the engine could not run ${spec.argv[0]}: the container does not run` });
    const aborted = new Promise<never>((_, reject) => {
      const abort = () => reject(new Failed({ reason: 'interrupted', message: 'interrupted' }));
      if (spec.signal?.aborted === true) abort();
      spec.signal?.addEventListener('abort', abort, { once: true });
    });
    const run = this.execute(spec.argv, { ...this.spec.env, ...spec.env }, {
      stdin: spec.stdin ?? Readable.from([]),
      stdout: async (data) => await spec.onStdout?.(Buffer.from(data)),
      stderr: async (data) => await spec.onStderr?.(Buffer.from(data)),
    });
    return { exitCode: await Promise.race([run, aborted, this.ending.then(() => 137)]) };
  }

  async putArchive(path: string, tar: Readable): Promise<void> {
    this.mustExist();
    const folder = path.replace(/^\/|\/$/g, '');
    if (this.files.get(folder)?.entry.type !== 'directory') fail({ reason: 'not-found', message: `there is no folder ${path}` });
    for (const [name, one] of await filesOf(tar)) {
      const full = folder === '' ? name : `${folder}/${name}`;
      this.files.set(full, { ...one, entry: { ...one.entry, path: full } });
    }
  }

  async getArchive(path: string): Promise<Readable | undefined> {
    const top = path.replace(/^\/|\/$/g, '');
    const parent = top.slice(0, top.lastIndexOf('/') + 1);
    const found = [...this.files].filter(([name]) => name === top || name.startsWith(`${top}/`));
    if (this.gone || found.length === 0) return undefined;
    return tarOf(found.map(([name, { entry, content }]) => ({ entry: { ...entry, path: name.slice(parent.length) }, content })));
  }

  async attach({ tty }: { stdin: boolean; tty: boolean }): Promise<Attachment> {
    this.mustExist();
    return { stdin: this.input, stdout: this.output.stdout, stderr: tty ? Readable.from([]) : this.output.stderr };
  }

  async resize(): Promise<void> {}

  async kill(signal: string): Promise<void> {
    if (this.state === 'running') this.signal(signal.replace(/^SIG/, ''));
  }

  async stop(): Promise<void> {
    if (this.state !== 'running') return;
    this.signal('TERM');
    await this.ending;
  }

  async wait(): Promise<{ exitCode: number }> {
    this.mustExist();
    if (this.state === 'running') await this.ending;
    return { exitCode: this.exitCode };
  }

  async inspect(): Promise<ContainerState | undefined> {
    if (this.gone) return undefined;
    return { running: this.state === 'running', exitCode: this.exitCode, oomKilled: false, ports: {} };
  }

  async logs(tail: number): Promise<readonly string[]> {
    this.mustExist();
    const lines = Buffer.concat(this.log).toString().split('\n');
    return lines.slice(0, lines.at(-1) === '' ? -1 : undefined).slice(-tail);
  }

  async remove(): Promise<void> {
    if (this.state === 'running') this.signal('KILL');
    this.gone = true;
    this.forget();
  }

  private async execute(argv: readonly string[], env: Readonly<Record<string, string>>, io: Pick<Io, 'stdin' | 'stdout' | 'stderr'>): Promise<number> {
    return (await this.script.run?.({ argv, env, files: this.files, signal: this.signalled, ...io })) ?? 0;
  }

  private end(code: number): void {
    if (this.state === 'exited') return;
    this.state = 'exited';
    this.exitCode = code;
    this.output.stdout.end();
    this.output.stderr.end();
    this.ended();
    if (this.spec.autoRemove === true) void this.remove();
  }

  private mustExist(): void {
    if (this.gone) fail({ reason: 'engine', message: `the engine has no container ${this.id}` });
  }
}

interface OciConfig {
  readonly os?: string;
  readonly architecture?: string;
  readonly created?: string;
  readonly config?: { readonly Labels?: Record<string, string> | null; readonly Env?: string[] | null; readonly Cmd?: string[] | null; readonly Entrypoint?: string[] | null; readonly User?: string; readonly WorkingDir?: string };
  readonly rootfs?: { readonly diff_ids?: string[] };
}

function imageOfConfig({ os = 'linux', architecture = 'amd64', created = '', config = {}, rootfs }: OciConfig): Partial<ImageInfo> {
  return {
    os, architecture, created,
    labels: config.Labels ?? {},
    layers: rootfs?.diff_ids ?? [],
    config: {
      env: config.Env ?? [], user: config.User ?? '', workingDir: config.WorkingDir ?? '', exposedPorts: [], volumes: [],
      ...(config.Cmd ? { cmd: config.Cmd } : {}), ...(config.Entrypoint ? { entrypoint: config.Entrypoint } : {}),
    },
  };
}

function configOfImage({ os, architecture, created, labels, config, layers }: ImageInfo): OciConfig {
  return {
    os, architecture, created,
    config: { Labels: { ...labels }, Env: [...config.env], User: config.user, WorkingDir: config.workingDir, Cmd: config.cmd ? [...config.cmd] : null, Entrypoint: config.entrypoint ? [...config.entrypoint] : null },
    rootfs: { diff_ids: [...layers] },
  };
}

/** Ends early when the signal does. */
async function within<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  work.catch(() => undefined);
  return await Promise.race([work, new Promise<never>((_, reject) => {
    const abort = () => reject(new Failed({ reason: 'interrupted', message: 'interrupted' }));
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
  })]);
}

async function filesOf(tar: Readable): Promise<Files> {
  const files: Files = new Map();
  for await (const { entry, content } of readTar(tar, { subject: 'tar', links: 'keep' })) {
    const chunks: Buffer[] = [];
    for await (const chunk of content as AsyncIterable<Buffer>) chunks.push(chunk);
    files.set(entry.path, { entry, content: Buffer.concat(chunks) });
  }
  return files;
}

function file(path: string, bytes: Buffer | string): PackItem {
  const content = Buffer.from(bytes);
  return { entry: { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0, size: content.length }, content };
}

function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((one) => {
    const [name = '', ...value] = one.split('=');
    return name in labels && (value.length === 0 || labels[name] === value.join('='));
  });
}

/** As an engine shows it: with a tag. */
function named(reference: string): string {
  const { repository, tag } = splitTag(reference);
  return reference.includes('@') || reference.startsWith('sha256:') ? reference : `${repository}:${tag ?? 'latest'}`;
}
