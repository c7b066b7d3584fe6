import type { KeyRecord } from '../artifact/kind.js';
import type { BuilderKey } from '../core/identity.js';
import { canonical, type Data } from '../core/record.js';
import { createHash } from 'node:crypto';
import type { NodeFacts } from '../builders/builder.js';
import type { BinLink } from './bins.js';
import { entryOf } from './hidden-lock.js';
import { packageName, type Selection } from './select.js';

export interface KeyParts {
  readonly prefix: string;
  readonly builder: BuilderKey;
  readonly node: NodeFacts;
  readonly libc: string;
  readonly omit: ReadonlySet<string>;
  readonly scripts: 'allow' | 'deny' | readonly string[];
  /** Names of variables that install scripts can see. */
  readonly env: readonly string[];
  /** Lines of .npmrc that install scripts can see. */
  readonly settings: string;
  readonly binLinks: boolean;
  readonly omitRegistryResolved: boolean;
  /** Top-level fields of the lock. */
  readonly head: Readonly<Record<string, unknown>>;
  readonly selection: Selection;
  /** Links to commands of the project's own folders, as far as the files exist. */
  readonly ownBins: readonly BinLink[];
  readonly lean: boolean;
}

/** The key record of a node artifact; README.md says why each field is in it. */
export function keyRecord(parts: KeyParts): KeyRecord {
  const runsScripts = parts.scripts !== 'deny' && parts.selection.installed.some((node) => node.entry.hasInstallScript);
  const packages: Record<string, string> = {};
  const options = { omitRegistryResolved: parts.omitRegistryResolved, gyp: new Set<string>() };
  for (const node of parts.selection.listed) {
    if (node.flags.extraneous) continue;
    const version = node.target ? `link to ${node.target.location}` : `${packageName(node)}@${node.manifest.version ?? ''}`;
    packages[node.location] = `${version} ${fingerprint(entryOf(node, options))}`;
  }
  const { name, version } = parts.head;
  return {
    format: 2,
    kind: 'node',
    prefix: parts.prefix,
    builder: parts.builder,
    node: { version: parts.node.version, modules: parts.node.modules, platform: parts.node.platform, arch: parts.node.arch, libc: parts.libc },
    project: `${typeof name === 'string' ? name : ''}@${typeof version === 'string' ? version : ''}`,
    omit: [...parts.omit].sort(),
    scripts: typeof parts.scripts === 'string' ? parts.scripts : [...parts.scripts].sort(),
    ...(runsScripts ? { env: [...parts.env].sort(), settings: parts.settings } : {}),
    binLinks: parts.binLinks,
    ...(parts.lean ? { lean: true } : {}),
    bins: Object.fromEntries(parts.ownBins.map(({ location, target }) => [location, target])),
    packages,
  };
}

/** Stands for all that npm notes of a package (hash, source, ranges, flags, …) in one short word. */
function fingerprint(entry: Record<string, unknown>): string {
  return createHash('sha256').update(text(entry)).digest('hex').slice(0, 16);
}

/** Locks are untrusted: a field that nobody reads may hold a number that has no canonical form. */
function text(entry: Record<string, unknown>): string {
  try {
    return canonical(entry as Data);
  } catch {
    return canonical(JSON.parse(JSON.stringify(entry, (_, value: unknown) => (typeof value === 'number' ? String(value) : value))) as Data);
  }
}
