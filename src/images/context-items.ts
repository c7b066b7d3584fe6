import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { FIXED_TIME, type Entry } from '../archive/entry.js';
import type { Artifact } from '../artifact/artifact.js';
import { composeArtifact, composedSize } from '../artifact/compose.js';
import { fail } from '../core/failure.js';
import { compare } from '../core/record.js';
import type { ContextEntry } from '../docker/context.js';
import type { Reach } from '../docker/reach.js';
import type { Store } from '../store/store.js';
import { artifactTarPath, wheelsPath } from './context.js';

/** An entry of a context on its way to the engine or to a folder. */
export interface ContextItem {
  readonly entry: Entry;
  readonly content?: Buffer | AsyncIterable<Uint8Array>;
}

export interface ContextInputs {
  /** Absolute path of the context folder. */
  readonly folder: string;
  readonly entries: readonly ContextEntry[];
  /** The Dockerfile with its references rewritten. */
  readonly dockerfile: string;
  /** Its own path in the context, if it lies there. */
  readonly ownPath: string | undefined;
  readonly artifacts: ReadonlyMap<string, Artifact>;
  readonly store: Store;
  /** Only artifact files that this reaches; all if absent. */
  readonly reach?: Reach;
  /** False for a builder that reads no ignore file out of a tar (BuildKit): there the Dockerfile can't be hidden. */
  readonly ignoreFile?: boolean;
  /** The user's ignore file that keeps a path out of the context, as the user would write it. */
  readonly excludedBy?: (path: string) => string | undefined;
  /** Added to the Dockerfile that the builder reads, and to none that the image sees. */
  readonly appended?: string;
}

const OTHER_NAME = '.wheelwright.Dockerfile';

/**
 * Where our Dockerfile goes: to `Dockerfile`, unless the image can see another file of that name. Where the image must
 * not see it, an ignore file keeps it out of COPY's reach.
 */
export function dockerfilePlace({ entries, ownPath, appended }: Pick<ContextInputs, 'entries' | 'ownPath' | 'appended'>): { path: string; hidden: boolean } {
  const visible = entries.some(({ path }) => path === 'Dockerfile');
  if (!visible) return { path: 'Dockerfile', hidden: true };
  return ownPath === 'Dockerfile' && appended === undefined ? { path: 'Dockerfile', hidden: false } : { path: OTHER_NAME, hidden: true };
}

/** The whole context: sorted, one fixed time, owner 0:0, modes as they are. Contents are checked against their hashes. */
export async function* contextItems(inputs: ContextInputs): AsyncGenerator<ContextItem> {
  const { path: dockerfile, hidden } = dockerfilePlace(inputs);
  if (inputs.ignoreFile !== false) yield text('.dockerignore', hidden ? `.dockerignore\n${dockerfile}\n` : '.dockerignore\n');
  yield text(dockerfile, inputs.dockerfile + (inputs.appended ?? ''));
  for (const entry of inputs.entries) {
    if (entry.path === dockerfile) continue;
    // The image's own Dockerfile is seen as the rewritten one, wherever the builder's lies.
    yield entry.path === 'Dockerfile' && inputs.ownPath === 'Dockerfile' ? text('Dockerfile', inputs.dockerfile) : contextItem(entry, inputs.folder);
  }
  for (const [name, artifact] of [...inputs.artifacts].sort(([a], [b]) => compare(a, b))) yield* artifactItems(name, artifact, inputs);
}

function contextItem(entry: ContextEntry, folder: string): ContextItem {
  const common = { path: entry.path, mode: entry.mode, ...OWNED };
  switch (entry.type) {
    case 'directory':
      return { entry: { type: 'directory', ...common } };
    case 'symlink':
      return { entry: { type: 'symlink', target: entry.target, ...common } };
    case 'file':
      return { entry: { type: 'file', size: entry.size, ...common }, content: checked(join(folder, entry.path), entry) };
  }
}

const OWNED = { uid: 0, gid: 0, mtime: FIXED_TIME };
/** A link that has come in the place of the file is not followed, nor a pipe waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Bytes. A file of that size is read sooner than a thread is told to. */
const SMALL = 1 << 17;

function readSmall(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, FLAGS);
    return fstatSync(file).size <= SMALL ? readFileSync(file) : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** A file's bytes, which must still be those that the key was computed from. */
export async function* checked(path: string, entry: { readonly path: string; readonly size: number; readonly hash: string }): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let left = entry.size;
  const source = entry.size <= SMALL ? [readSmall(path) ?? changed()] : (await open(path, FLAGS).catch(changed)).createReadStream();
  for await (const chunk of source as AsyncIterable<Buffer> | Buffer[]) {
    left -= chunk.length;
    if (left < 0) changed();
    hash.update(chunk);
    // The last bytes are held back until the hash is seen to be right.
    if (left === 0 && hash.copy().digest('hex') !== entry.hash) changed();
    if (chunk.length > 0) yield chunk;
  }
  if (left !== 0) changed();

  function changed(): never {
    return fail({
      reason: 'build',
      message: `${entry.path} changed while its image was being built`,
      advice: 'run the command again',
    });
  }
}

async function* artifactItems(name: string, artifact: Artifact, { store, reach }: ContextInputs): AsyncGenerator<ContextItem> {
  const path = artifactTarPath(name);
  if (reach === undefined || reach.has(path)) {
    const entry: Entry = { type: 'file', path, mode: 0o644, size: await composedSize(artifact, store), ...OWNED };
    yield { entry, content: composeArtifact(artifact, store) };
  }
  for (const wheel of artifact.wheels ?? []) {
    const wheelPath = `${wheelsPath(name)}/${wheel.filename}`;
    if (reach !== undefined && !reach.has(wheelPath)) continue;
    yield { entry: { type: 'file', path: wheelPath, mode: 0o644, size: wheel.size, ...OWNED }, content: await store.readBlob(wheel.blob) };
  }
}

function text(path: string, content: string): ContextItem {
  const bytes = Buffer.from(content);
  return { entry: { type: 'file', path, mode: 0o644, size: bytes.length, ...OWNED }, content: bytes };
}
