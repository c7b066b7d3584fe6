import { lstat, readlink } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { FIXED_TIME, type Entry } from '../archive/entry.js';
import { tarOf, type PackItem } from '../archive/pack-tar.js';
import { buildPiece } from '../archive/build-piece.js';
import { readTar } from '../archive/read-tar.js';
import type { Artifact, Built } from '../artifact/artifact.js';
import { composeArtifact } from '../artifact/compose.js';
import type { Context, Kind, Planned } from '../artifact/kind.js';
import type { Builder } from '../builders/builder.js';
import type { ArtifactSpec, CommandSpec, NodeSpec } from '../config/project.js';
import { Failed, fail } from '../core/failure.js';
import type { RequirementHash } from '../core/identity.js';
import { compare, hashRecord } from '../core/record.js';
import type { StoredBlob } from '../store/store.js';
import { findInputs, readInputs, type Input } from './inputs.js';
import { commandRecord } from './key.js';

/** The kind `command`; `specs` are the project's artifacts, to know what a needed one is. */
export function createCommandKind(specs: ReadonlyMap<string, ArtifactSpec>): Kind<CommandSpec> {
  return {
    async plan(spec, context) {
      const needs = await neededKeys(spec, context);
      const manifests = spec.needs.flatMap(({ value }) => manifestsOf(specs.get(value)));
      const paths = [...new Set([...(await findInputs(context.root, spec.inputs)), ...(await existing(context.root, manifests))])].sort(compare);
      const inputs = await readInputs(context.root, paths);
      const env = Object.keys(context.env).sort(compare);
      const record = commandRecord(spec, { builderKey: context.builderKey, inputs, needs, env });
      const planned: Planned = {
        key: hashRecord<RequirementHash>(record),
        record,
        packageCount: 1,
        build: () => buildCommand(spec, { context, specs, inputs }),
        missing: async () => [spec.name],
      };
      return planned;
    },
  };
}

async function neededKeys(spec: CommandSpec, context: Context): Promise<ReadonlyMap<string, RequirementHash>> {
  const keys = await Promise.all(spec.needs.map(async ({ value }) => [value, await context.neededKey(value)] as const));
  return new Map(keys);
}

/** Files of a node package that its tools read: inputs of whoever needs it. */
function manifestsOf(spec: ArtifactSpec | undefined): string[] {
  if (spec?.kind !== 'node') return [];
  const folder = packageFolder(spec);
  return ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', '.npmrc'].map((name) => posix.join(folder, name));
}

function packageFolder(spec: NodeSpec): string {
  return posix.dirname(spec.package.value);
}

async function existing(root: string, paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => lstat(join(root, path)).then(() => path, () => undefined)));
  return found.filter((path) => path !== undefined);
}

interface Work {
  readonly context: Context;
  readonly specs: ReadonlyMap<string, ArtifactSpec>;
  readonly inputs: readonly Input[];
}

async function buildCommand(spec: CommandSpec, { context, specs, inputs }: Work): Promise<Built> {
  const needed = await Promise.all(spec.needs.map(async ({ value }) => ({ spec: specs.get(value) as ArtifactSpec, artifact: await context.needed(value) })));
  const started = { type: 'package', artifact: spec.name, package: spec.name } as const;
  context.emit({ ...started, state: 'compiling' });
  const builder = await context.builder();
  const folder = await builder.scratch(spec.name);
  try {
    await builder.put(folder, tarOf(inputItems(context.root, inputs)));
    for (const one of needed) await putNeeded(builder, { folder, store: context.store, ...one });
    await runCommand(builder, spec, folder, context);
    const piece = await takeOutput(builder, spec, folder, context);
    context.emit({ ...started, state: 'compiled' });
    const artifact: Artifact = {
      format: 1,
      kind: 'command',
      prefix: spec.prefix,
      parts: [{ at: spec.prefix, piece: piece.digest, size: piece.size }],
    };
    return { artifact, packages: { total: 1, reused: 0, fetched: 0, compiled: 1 } };
  } catch (error) {
    context.emit({ ...started, state: 'failed' });
    throw error;
  } finally {
    await builder.discard(folder);
  }
}

/** The inputs with the folders above them. */
async function* inputItems(root: string, inputs: readonly Input[]): AsyncGenerator<PackItem> {
  const common = { uid: 0, gid: 0, mtime: FIXED_TIME };
  const folders = new Set<string>();
  for (const { path } of inputs) {
    for (const folder of foldersAbove(path)) {
      if (folders.has(folder)) continue;
      folders.add(folder);
      yield { entry: { type: 'directory', path: folder, mode: 0o755, ...common } };
    }
    const real = join(root, path);
    const stat = await lstat(real);
    if (stat.isSymbolicLink()) yield { entry: { type: 'symlink', path, mode: 0o777, target: await readlink(real), ...common } };
    else {
      const mode = (stat.mode & 0o111) === 0 ? 0o644 : 0o755;
      const entry: Entry = { type: 'file', path, mode, size: stat.size, ...common };
      yield stat.size === 0 ? { entry } : { entry, content: createReadStream(real, { end: stat.size - 1 }) };
    }
  }
}

function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.unshift(folder);
  return folders;
}

interface Needed {
  readonly folder: string;
  readonly store: Context['store'];
  readonly spec: ArtifactSpec;
  readonly artifact: Artifact;
}

/** A node tree goes beside its package.json, where its tools look for it; everything else goes to its own prefix. */
async function putNeeded(builder: Builder, { folder, store, spec, artifact }: Needed): Promise<void> {
  if (spec.kind !== 'node') return builder.put('/', composeArtifact(artifact, store));
  const target = posix.join(folder, packageFolder(spec));
  const rooted: Artifact = {
    ...artifact,
    prefix: '/',
    parts: artifact.parts.map((part) => ({ ...part, at: posix.join('/', posix.relative(artifact.prefix, part.at)) })),
  };
  return builder.put(target, composeArtifact(rooted, store));
}

async function runCommand(builder: Builder, spec: CommandSpec, folder: string, context: Context): Promise<void> {
  const result = await builder.run({ subject: spec.name, argv: ['sh', '-c', spec.run], cwd: folder, env: context.env, signal: context.signal });
  if (result.exitCode === 0) return;
  fail({
    reason: 'command',
    message: `the command of "${spec.name}" ended with status ${result.exitCode}: ${spec.run}`,
    place: spec.place,
    detail: result.tail,
    advice: `the whole log is in ${result.log}`,
  });
}

async function takeOutput(builder: Builder, spec: CommandSpec, folder: string, context: Context): Promise<StoredBlob> {
  const tar = await builder.take(posix.join(folder, spec.output)).catch((error: unknown) => {
    if (!(error instanceof Failed) || !error.has('not-found')) throw error;
    return fail({
      reason: 'command',
      message: `the command of "${spec.name}" left no ${spec.output}`,
      place: spec.place,
      advice: "`output` is relative to the project file's folder, where the command runs",
    });
  });
  const subject = `output of ${spec.name}`;
  const items = belowFirst(readTar(tar, { subject, links: 'check' }), posix.basename(spec.output));
  return context.store.writeBlob(await buildPiece(items, { subject }), { subject });
}

/** A taken folder's content without the folder itself; a taken file under its own name. */
async function* belowFirst(items: AsyncIterable<PackItem>, name: string): AsyncGenerator<PackItem> {
  const below = (path: string) => (path.startsWith(`${name}/`) ? path.slice(name.length + 1) : path);
  for await (const item of items) {
    const { entry } = item;
    if (entry.path === name && entry.type === 'directory') continue;
    // An item's content is a getter of its class, which a spread leaves behind.
    if (entry.type === 'file') yield { entry: { ...entry, path: below(entry.path) }, content: item.content ?? Buffer.alloc(0) };
    else if (entry.type === 'hardlink') yield { entry: { ...entry, path: below(entry.path), target: below(entry.target) } };
    else yield { entry: { ...entry, path: below(entry.path) } };
  }
}
