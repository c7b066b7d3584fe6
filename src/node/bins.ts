import { relativeLocation } from './location.js';
import { packageName } from './select.js';
import type { TreeNode } from './tree.js';

/** A command that a package offers, as a link in the `.bin` folder beside it. */
export interface BinLink {
  /** `node_modules/.bin/tsc` */
  readonly location: string;
  /** What the link holds: `../typescript/bin/tsc`. */
  readonly target: string;
  readonly node: TreeNode;
  /** Path inside the package: `bin/tsc`. npm makes it executable, and makes no link when it is not there. */
  readonly file: string;
}

/** A manifest's `bin` as npm reads it: name → path, both without a way out of their folder. */
export function normalBin(name: string, bin: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const entries: readonly (readonly [string, unknown])[] =
    typeof bin === 'string' ? [[name, bin]]
    : Array.isArray(bin) ? bin.filter((path): path is string => typeof path === 'string').map((path) => [lastSegment(path), path])
    : typeof bin === 'object' && bin !== null ? Object.entries(bin)
    : [];
  for (const [key, path] of entries) {
    const command = inside(lastSegment(key.replace(/[\\:]/g, '/')));
    if (typeof path !== 'string' || command === '') continue;
    const file = inside(path.replace(/\\/g, '/'));
    if (file !== '') found.set(command, file);
  }
  return found;
}

/**
 * The links of these nodes. Where two packages of one folder offer the same command the first wins, as in npm:
 * packages before links, then by path in npm's alphabetical order.
 */
export function binLinks(nodes: readonly TreeNode[]): readonly BinLink[] {
  const links = new Map<string, BinLink>();
  for (const node of nodes) {
    for (const [command, file] of normalBin(packageName(node), (node.target ?? node).manifest.bin)) {
      const folder = node.location.slice(0, node.location.length - node.name.length);
      const location = `${folder}.bin/${command}`;
      const other = links.get(location);
      if (other && !comesBefore(node, other.node)) continue;
      links.set(location, { location, target: relativeLocation(`${folder}.bin`, `${node.location}/${file}`), node, file });
    }
  }
  return [...links.values()];
}

/** npm sorts with the collation of English, not by code unit; it decides only which of two rivals gets the name. */
const npmOrder = new Intl.Collator('en');

function comesBefore(a: TreeNode, b: TreeNode): boolean {
  if ((a.target === undefined) !== (b.target === undefined)) return a.target === undefined;
  return npmOrder.compare(a.location, b.location) < 0;
}

function lastSegment(path: string): string {
  return path.replace(/\/+$/, '').replace(/^.*\//, '');
}

/** The path with `.`, `..` and empty segments resolved against `/`; a trailing slash is kept, as path.join does. */
function inside(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(segment);
  }
  return segments.join('/');
}
