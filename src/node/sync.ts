import satisfies from 'semver/functions/satisfies.js';
import type { Problem } from '../core/failure.js';
import type { Place } from '../core/place.js';
import { entryPlace, type Lock } from './lock.js';
import { isObject, placeIn, type JsonFile, type PackageJson } from './manifest.js';
import { joinLocation } from './location.js';
import { parseSpec, type Spec } from './spec.js';
import { isPeer, type Edge, type EdgeType, type Tree, type TreeNode } from './tree.js';

/** The package.json files that the tree was built from: '' is the project's. */
export type ManifestFiles = ReadonlyMap<string, JsonFile<PackageJson>>;

/**
 * Where the lock does not give what the package.json files (and the locked packages themselves) ask for. `npm ci` says
 * "Missing: x@1.2.3 from lock file" or "Invalid: lock file's …" for the same edges; it asks the registry which version
 * would be right, we name the range.
 */
export function syncProblems(tree: Tree, lock: Lock, files: ManifestFiles): Problem[] {
  const problems: Problem[] = [];
  const overrides = overridesOf(tree.root.manifest as PackageJson);
  const seen = new Set<TreeNode>([tree.root]);
  for (const node of seen) {
    if (node.target) {
      seen.add(node.target);
      continue;
    }
    for (const edge of node.edges.values()) {
      const problem = edgeProblem(edge, overrides);
      if (problem) problems.push({ ...problem, place: specPlace(edge, lock, files), ...(edge.to ? { related: { message: 'locked here', place: entryPlace(lock, edge.to.location) } } : {}) });
      if (edge.to) seen.add(edge.to);
    }
  }
  return problems;
}

/** What the root's `overrides` do to a name: another spec for every edge, or something too involved to judge here. */
type Overrides = ReadonlyMap<string, string | 'involved'>;

function edgeProblem(edge: Edge, overrides: Overrides): Problem | undefined {
  const { from, to, name } = edge;
  if (edge.type === 'peerOptional' || bundles(from, name) || (to && inShrinkwrap(to))) return undefined;
  const override = edge.type === 'workspace' ? undefined : overrides.get(name);
  if (override === 'involved') return undefined;
  const text = override ?? edge.spec;
  const who = from.location === '' ? 'package.json' : `${from.manifest.name ?? from.name}${from.manifest.version === undefined ? '' : ` ${from.manifest.version}`}`;
  const asks = edge.type === 'workspace' ? `has the workspace ${name}` : `asks for ${name} ${text}${override === undefined ? '' : ' (an override)'}`;
  if (!to) return outOfStep(`${who} ${asks}, which the lock lacks`);
  if (isPeer(edge) && from.location !== '') return undefined; // npm lets nested peers disagree
  if (satisfied(edge, to, parseSpec(text), override === undefined ? from : undefined)) return undefined;
  const accept = from.manifest.acceptDependencies?.[name];
  if (accept !== undefined && satisfied(edge, to, parseSpec(accept), from)) return undefined;
  return outOfStep(`${who} ${asks}, but the lock has ${what(to)}`);
}

function outOfStep(message: string): Problem {
  return { reason: 'requirements', message, advice: 'Run `npm install` to bring the lock in step with package.json, and commit both' };
}

function what(node: TreeNode): string {
  if (node.target) return `a link to ${node.target.location}`;
  return node.entry.version ?? node.entry.resolved ?? 'something without a version';
}

/** Whether a locked package is what a spec asks for. `base` is who asks; paths are relative to it (to the project when undefined). */
function satisfied(edge: Edge, to: TreeNode, spec: Spec, base: TreeNode | undefined): boolean {
  const { version, resolved } = to.target ? { version: to.target.manifest.version, resolved: undefined } : to.entry;
  switch (spec.type) {
    case 'range':
      return spec.range === '*' || version === undefined || inRange(version, spec.range);
    case 'tag':
      return true;
    case 'alias':
      return satisfied(edge, to, spec.spec, base);
    case 'remote':
      return resolved === undefined || resolved === spec.url;
    case 'directory':
      if (spec.path.startsWith('~')) return true;
      return to.target ? to.target.location === pathFrom(base, spec.path) : resolved === `file:${pathFrom(base, spec.path)}`;
    case 'file':
      return resolved === undefined || resolved === `file:${pathFrom(base, spec.path)}`;
    case 'git':
      return resolved !== undefined && sameRepository(spec, parseSpec(resolved), version);
  }
}

/** Paths in a package.json are relative to its folder; in one that came as a local tarball, to the tarball's. */
function pathFrom(base: TreeNode | undefined, path: string): string {
  const resolved = base?.entry.link ? undefined : base?.entry.resolved;
  const folder = resolved?.startsWith('file:') ? resolved.slice('file:'.length).replace(/[^/]*$/, '') : (base?.location ?? '');
  return joinLocation(folder, path);
}

function sameRepository(wanted: Spec & { type: 'git' }, found: Spec, version: string | undefined): boolean {
  if (found.type !== 'git' || wanted.repository.toLowerCase() !== found.repository.toLowerCase()) return false;
  const range = /^semver:(.*)$/.exec(decodeURIComponent(wanted.committish))?.[1];
  if (range !== undefined) return version === undefined || inRange(version, range);
  return !/^[0-9a-f]{40,64}$/i.test(wanted.committish) || wanted.committish.toLowerCase() === found.committish.toLowerCase();
}

function bundles(node: TreeNode, name: string): boolean {
  if (node.location === '') return false;
  const { bundleDependencies } = node.manifest;
  return bundleDependencies === true || (Array.isArray(bundleDependencies) && bundleDependencies.includes(name)) || node.entry.inBundle === true;
}

function inShrinkwrap(node: TreeNode): boolean {
  for (let outer = node.parent; outer; outer = outer.parent) if (outer.entry.hasShrinkwrap) return true;
  return false;
}

function overridesOf(root: PackageJson): Overrides {
  const found = new Map<string, string | 'involved'>();
  if (isObject(root.overrides)) collect(root.overrides, true);
  return found;

  function collect(overrides: Record<string, unknown>, top: boolean): void {
    for (const [key, value] of Object.entries(overrides)) {
      if (key === '.') continue;
      const at = key.indexOf('@', 1);
      const name = at === -1 ? key : key.slice(0, at);
      const plain = top && at === -1 && typeof value === 'string' && !found.has(name);
      found.set(name, plain ? reference(value) : 'involved');
      if (isObject(value)) collect(value, false);
    }
  }

  /** `$name` stands for what the project itself asks for. */
  function reference(value: string): string {
    if (value === '' || value === '*') return 'involved';
    if (!value.startsWith('$')) return value;
    const name = value.slice(1);
    return root.devDependencies?.[name] ?? root.optionalDependencies?.[name] ?? root.dependencies?.[name] ?? root.peerDependencies?.[name] ?? 'involved';
  }
}

const FIELD: Readonly<Record<EdgeType, string>> = {
  prod: 'dependencies', dev: 'devDependencies', optional: 'optionalDependencies',
  peer: 'peerDependencies', peerOptional: 'peerDependencies', workspace: 'workspaces',
};

function specPlace(edge: Edge, lock: Lock, files: ManifestFiles): Place {
  const file = files.get(edge.from.location);
  const path = edge.type === 'workspace' ? ['workspaces'] : [FIELD[edge.type], edge.name];
  return file ? placeIn(file, path) : placeIn(lock.json, ['packages', edge.from.location, ...path]);
}

/** Many packages ask the same of the same version. */
const answers = new Map<string, boolean>();

function inRange(version: string, range: string): boolean {
  const key = `${version} ${range}`;
  let answer = answers.get(key);
  if (answer === undefined) answers.set(key, (answer = satisfies(version, range, true)));
  return answer;
}
