import type { Lock } from './lock.js';
import { isObject } from './manifest.js';
import { normalBin } from './bins.js';
import { fromRegistry, parseSpec } from './spec.js';
import { packageName } from './select.js';
import type { TreeNode } from './tree.js';

export interface HiddenLockOptions {
  /** npm's omit-lockfile-registry-resolved. */
  readonly omitRegistryResolved: boolean;
  /** Packages that get an implicit `node-gyp rebuild`: npm notes them as having an install script. */
  readonly gyp: ReadonlySet<string>;
}

/**
 * The text of `node_modules/.package-lock.json`, which `npm ci` leaves so that later commands need not read the tree:
 * what is really installed, as lock entries of version 3, without the project itself.
 */
export function hiddenLock(lock: Lock, nodes: readonly TreeNode[], options: HiddenLockOptions): string {
  const packages: Record<string, unknown> = {};
  for (const node of nodes) {
    const stale = node.flags.extraneous && !node.location.includes('node_modules/');
    if (!stale) packages[node.location] = entryOf(node, options);
  }
  const data = { ...lock.head, lockfileVersion: 3, requires: true, packages };
  return `${JSON.stringify(ordered(data), undefined, 2)}\n`;
}

const FIELDS = [
  'version', 'dependencies', 'peerDependencies', 'peerDependenciesMeta', 'optionalDependencies', 'bundleDependencies',
  'acceptDependencies', 'funding', 'engines', 'os', 'cpu', 'libc', 'license', 'bin', 'deprecated', 'workspaces',
] as const;

/** One entry, as npm derives it from a node (Shrinkwrap.metaFromNode). */
export function entryOf(node: TreeNode, options: HiddenLockOptions): Record<string, unknown> {
  if (node.target) return { resolved: node.target.location, link: true };
  const manifest = normalised(node);
  const meta: Record<string, unknown> = {};
  for (const field of FIELDS) {
    const value = manifest[field];
    if (!value || (typeof value === 'object' && Object.keys(value).length === 0)) continue;
    meta[field] = field === 'license' && isObject(value) && value['type'] ? value['type'] : value;
  }
  const name = packageName(node);
  if (name !== node.name) meta['name'] = name;
  if (!node.parent && isObject(manifest['devDependencies'])) meta['devDependencies'] = manifest['devDependencies'];
  if (node.entry.integrity) meta['integrity'] = node.entry.integrity;
  if (node.entry.inBundle) meta['inBundle'] = true;
  if (node.entry.hasShrinkwrap) meta['hasShrinkwrap'] = true;
  if (node.entry.hasInstallScript || options.gyp.has(node.location) || hasScripts(manifest)) meta['hasInstallScript'] = true;
  const { resolved } = node.entry;
  if (resolved && !(options.omitRegistryResolved && isRegistryDependency(node))) meta['resolved'] = resolved;
  const { extraneous, peer, dev, optional, devOptional } = node.flags;
  if (extraneous) return { ...meta, extraneous };
  if (peer) meta['peer'] = true;
  if (dev) meta['dev'] = true;
  if (optional) meta['optional'] = true;
  if (devOptional && !dev && !optional) meta['devOptional'] = true;
  return meta;
}

/** A folder's package.json with the fields as npm normalises them; entries of the lock are normal already. */
function normalised(node: TreeNode): Record<string, unknown> {
  const manifest = node.manifest as Record<string, unknown>;
  if (node.manifest === node.entry) return manifest;
  const bin = normalBin(packageName(node), manifest['bin']);
  const { funding } = manifest;
  const optional = node.manifest.optionalDependencies ?? {};
  const dependencies = Object.entries(node.manifest.dependencies ?? {}).filter(([name]) => !(name in optional));
  return {
    ...manifest,
    dependencies: Object.fromEntries(dependencies),
    bin: Object.fromEntries(bin),
    ...(typeof funding === 'string' ? { funding: { url: funding } } : {}),
  };
}

function hasScripts(manifest: Record<string, unknown>): boolean {
  const { scripts } = manifest;
  return isObject(scripts) && Boolean(scripts['install'] || scripts['preinstall'] || scripts['postinstall']);
}

function isRegistryDependency(node: TreeNode): boolean {
  return node.incoming.length > 0 && node.incoming.every((edge) => fromRegistry(parseSpec(edge.spec)));
}

/** npm's collation for the names in its lock files; fixed by locale, so the same on every machine. */
const npmOrder = new Intl.Collator('en');
const FIRST = ['name', 'version', 'lockfileVersion', 'resolved', 'integrity', 'requires', 'packages', 'dependencies'];

/** npm's order of members: plain values before objects, some names first, the rest alphabetically. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(([a, x], [b, y]) => {
    if (isObject(x) !== isObject(y)) return isObject(x) ? 1 : -1;
    const first = [FIRST.indexOf(a), FIRST.indexOf(b)] as const;
    if (first[0] !== -1 && first[1] !== -1) return first[0] - first[1];
    if (first[0] !== first[1]) return first[0] !== -1 ? -1 : 1;
    return npmOrder.compare(a, b);
  });
  return Object.fromEntries(entries.map(([key, member]) => [key, ordered(member)]));
}
