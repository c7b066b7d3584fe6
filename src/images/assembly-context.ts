import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { composeArtifact, composedSize } from '../artifact/compose.js';
import type { AssemblyContext, SourceEntry } from '../assemble/assemble.js';
import { compare } from '../core/record.js';
import type { ContextEntry } from '../docker/context.js';
import { artifactTarPath, wheelsPath } from './context.js';
import { checked, type ContextInputs } from './context-items.js';

type Opening = () => AsyncIterable<Uint8Array>;
type Found = SourceEntry & { readonly opening?: Opening };

/** A context as assembling takes files from it: the same entries that an engine would be sent, none of it read before it is needed. */
export function assemblyContext(inputs: ContextInputs): AssemblyContext {
  const { store, reach } = inputs;
  const own = inputs.entries.map((entry) => contextFile(entry, inputs));
  const byPath = new Map(own.map((entry) => [entry.path, entry]));
  let all: Promise<readonly Found[]> | undefined;
  return { lstat, list, paths, open, artifactAt, ...(inputs.excludedBy === undefined ? {} : { excludedBy: inputs.excludedBy }) };

  function artifactAt(path: string): string | undefined {
    return [...inputs.artifacts.keys()].find((name) => artifactTarPath(name) === path);
  }

  async function lstat(path: string): Promise<SourceEntry | undefined> {
    const found = byPath.get(path);
    if (found !== undefined) return found;
    // An artifact's tar has its size in its entry, which takes long to find: whoever unpacks it does not ask.
    if (artifactAt(path) !== undefined) return { type: 'file', path, mode: 0o644, size: -1, ...ROOT };
    if (inputs.artifacts.size > 0 && path === 'artifacts') return { type: 'directory', path, mode: 0o755, ...ROOT };
    return (await list(path))?.find((entry) => entry.path === path);
  }

  async function list(path: string): Promise<readonly SourceEntry[] | undefined> {
    const entries = leadsToArtifact(path) ? await everything() : own;
    const below = path === '' ? entries : entries.filter((entry) => entry.path === path || entry.path.startsWith(`${path}/`));
    const self = below.find((entry) => entry.path === path);
    if (self !== undefined) return below;
    // A folder that nobody named stands for what is in it.
    if (below.length === 0 && path !== '') return undefined;
    return [{ type: 'directory', path, mode: 0o755, ...ROOT }, ...below];
  }

  async function paths(): Promise<readonly string[]> {
    return (await everything()).map((entry) => entry.path);
  }

  function open(entry: SourceEntry): AsyncIterable<Uint8Array> {
    const { opening } = entry as Found;
    if (opening === undefined) throw new Error(`${entry.path} is no file of the context`);
    return opening();
  }

  /** Artifacts' tars have their size in their entry, which may take long to find. */
  function leadsToArtifact(path: string): boolean {
    return inputs.artifacts.size > 0 && (path === '' || path === 'artifacts' || path.startsWith('artifacts/'));
  }

  function everything(): Promise<readonly Found[]> {
    return (all ??= withArtifacts());
  }

  async function withArtifacts(): Promise<readonly Found[]> {
    const files: Found[] = [];
    for (const [name, artifact] of inputs.artifacts) {
      const path = artifactTarPath(name);
      if (reach === undefined || reach.has(path)) {
        files.push({ type: 'file', path, mode: 0o644, size: await composedSize(artifact, store), ...ROOT, opening: () => composeArtifact(artifact, store) });
      }
      for (const { filename, blob, size } of artifact.wheels ?? []) {
        const wheel = `${wheelsPath(name)}/${filename}`;
        if (reach !== undefined && !reach.has(wheel)) continue;
        files.push({ type: 'file', path: wheel, mode: 0o644, size, hash: blob, ...ROOT, opening: () => later(() => store.readBlob(blob)) });
      }
    }
    const known = new Set(own.map(({ path }) => path));
    const folders = new Set(files.flatMap(({ path }) => foldersAbove(path)).filter((path) => !known.has(path)));
    const made = [...folders].map((path): Found => ({ type: 'directory', path, mode: 0o755, ...ROOT }));
    return [...own, ...made, ...files].sort((a, b) => compare(a.path, b.path));
  }
}

const ROOT = { uid: 0, gid: 0 };

function contextFile(entry: ContextEntry, { folder, ownPath, dockerfile }: ContextInputs): Found {
  if (entry.type !== 'file') return { ...entry, ...ROOT };
  if (entry.path === 'Dockerfile' && ownPath === 'Dockerfile') {
    // An image sees its own Dockerfile as its builder reads it.
    const bytes = Buffer.from(dockerfile);
    return { ...entry, size: bytes.length, hash: createHash('sha256').update(bytes).digest('hex'), ...ROOT, opening: () => later(async () => [bytes]) };
  }
  return { ...entry, ...ROOT, opening: () => checked(join(folder, entry.path), entry) };
}

async function* later(open: () => Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>>): AsyncGenerator<Uint8Array> {
  yield* await open();
}

function foldersAbove(path: string): string[] {
  const segments = path.split('/').slice(0, -1);
  return segments.map((_, index) => segments.slice(0, index + 1).join('/'));
}
