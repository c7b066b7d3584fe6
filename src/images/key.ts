import { createHash } from 'node:crypto';
import type { KeyRecord } from '../artifact/kind.js';
import type { ImageKey, RequirementHash } from '../core/identity.js';
import { hashRecord, type Data } from '../core/record.js';
import type { ContextEntry } from '../docker/context.js';
import { dockerfileMeaning } from '../docker/meaning.js';
import { identityText, type BaseIdentity } from './base.js';
import type { ImageNode } from './node.js';

export interface KeyInputs {
  readonly node: ImageNode;
  readonly entries: readonly ContextEntry[];
  readonly artifacts: ReadonlyMap<string, RequirementHash>;
  /** By reference as the Dockerfile has it. */
  readonly parents: ReadonlyMap<string, ImageKey>;
  readonly bases: ReadonlyMap<string, BaseIdentity>;
}

/** The record that an image's key is the hash of. Names, tags, labels, repositories and times are not in it. */
export function imageKeyRecord({ node, entries, artifacts, parents, bases }: KeyInputs): KeyRecord {
  return {
    format: 1,
    kind: 'image',
    // What the Dockerfile says for the target, comments and line breaks apart.
    dockerfile: hashRecord(dockerfileMeaning(node.resolved)),
    // Path, kind, mode and content of every entry that COPY and ADD can reach.
    context: hashRecord(entries.map(entryData)),
    // Hashed: a build arg may be longer, or more private, than a label should hold.
    args: mapOf(Object.entries(node.resolved.usedArgs), hashText),
    artifacts: mapOf(artifacts, (key) => key),
    parents: { ...mapOf(parents, (key) => `image ${key}`), ...mapOf(bases, (base) => `base ${identityText(base)}`) },
    platform: node.platform,
  };
}

/** Contexts of more entries are recorded by their digest only. */
const FILES_RECORDED = 2_000;

/** The entries of a context one by one, for telling which file changed; not hashed. Undefined for very large contexts. */
export function contextFiles(entries: readonly ContextEntry[]): { [path: string]: string } | undefined {
  if (entries.length > FILES_RECORDED) return undefined;
  return Object.fromEntries(
    entries.map((entry) => [entry.path, `${entry.mode.toString(8)} ${entry.type === 'file' ? entry.hash : entry.type === 'symlink' ? `→ ${entry.target}` : 'folder'}`]),
  );
}

function entryData(entry: ContextEntry): Data {
  switch (entry.type) {
    case 'file':
      return ['file', entry.path, entry.mode, entry.hash];
    case 'directory':
      return ['directory', entry.path, entry.mode];
    case 'symlink':
      return ['symlink', entry.path, entry.target];
  }
}

function mapOf<T>(entries: Iterable<readonly [string, T]>, text: (value: T) => string): { [name: string]: string } {
  return Object.fromEntries([...entries].map(([name, value]) => [name, text(value)]));
}

function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
