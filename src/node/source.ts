import { Failed } from '../core/failure.js';
import { hashRecord, type Data } from '../core/record.js';
import type { BuilderKey, PackageKey } from '../core/identity.js';
import { parseIntegrity } from './integrity.js';
import { entryPlace, type Lock } from './lock.js';
import { joinLocation } from './location.js';
import { packumentUrl, replaceHost, tarballUrl, type Registries } from './registry.js';
import { packageName, title } from './select.js';
import type { TreeNode } from './tree.js';

/** Where a package's tarball comes from. */
export type Source =
  /** `packument` is asked for the right URL when the registry keeps its tarballs elsewhere. */
  | { readonly type: 'url'; readonly url: string; readonly packument?: string }
  /** A tarball in the project, relative to the lock. */
  | { readonly type: 'file'; readonly path: string }
  /** What `npm pack` understands: `git+https://host/a/b.git#<commit>`. */
  | { readonly type: 'git'; readonly spec: string };

export function sourceOf(node: TreeNode, lock: Lock, registries: Registries): Source {
  const { resolved, version } = node.entry;
  if (resolved === undefined) {
    if (version === undefined) throw unknownSource(node, lock);
    const name = packageName(node);
    return { type: 'url', url: tarballUrl(name, version, registries), packument: packumentUrl(name, registries) };
  }
  if (resolved.startsWith('file:')) return { type: 'file', path: joinLocation('', resolved.slice('file:'.length)) };
  if (/^https?:\/\//.test(resolved) && URL.canParse(resolved)) return { type: 'url', url: replaceHost(resolved, registries) };
  if (/^(?:git[+:@]|(?:github|gitlab|bitbucket|gist):)/.test(resolved)) return { type: 'git', spec: resolved };
  throw unknownSource(node, lock);
}

export interface KeyOptions {
  readonly builder: BuilderKey;
  /** Its own prepare scripts may run; they decide about what a git dependency contains. */
  readonly scripts: boolean;
}

/**
 * The key of a tarball: its integrity wherever the lock has one, so that every set, registry and alias shares it. Git
 * dependencies are packed in the builder, by its npm, so theirs has the builder in it (npm does not check their integrity).
 */
export function packageKey(node: TreeNode, source: Source, options: KeyOptions): PackageKey {
  const record = { format: 1, kind: 'node' };
  if (source.type === 'git') return hashRecord<PackageKey>({ ...record, git: source.spec, builder: options.builder, scripts: options.scripts });
  const hashes = parseIntegrity(node.entry.integrity ?? '');
  if (hashes) return hashRecord<PackageKey>({ ...record, integrity: hashes.map(({ algorithm, hex }) => `${algorithm}:${hex}`).sort() });
  const where: Data = source.type === 'url' ? { url: source.url } : { file: source.path };
  return hashRecord<PackageKey>({ ...record, name: packageName(node), version: node.entry.version ?? '', ...where });
}

function unknownSource(node: TreeNode, lock: Lock): Failed {
  return new Failed({
    reason: 'requirements',
    message: `the lock does not say where ${title(node)} comes from`,
    place: entryPlace(lock, node.location, 'resolved'),
    advice: 'Run `npm install` to write the lock anew',
  });
}
