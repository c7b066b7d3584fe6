import type { Artifact, Part } from '../artifact/artifact.js';
import { FIXED_TIME, type Entry } from '../archive/entry.js';
import type { PackItem } from '../archive/pack-tar.js';
import type { Builder } from '../builders/builder.js';
import type { BuilderKey, PackageKey } from '../core/identity.js';
import { Failed } from '../core/failure.js';
import { compare, hashRecord } from '../core/record.js';
import type { Context } from '../artifact/kind.js';
import type { NodeFacts } from '../builders/builder.js';
import type { BinLink } from './bins.js';
import { glueItems } from './glue.js';
import { entryPlace, type Lock } from './lock.js';
import { pieceOf, putPiece, storedPiece, type Piece } from './piece.js';
import { title } from './select.js';
import type { TreeNode } from './tree.js';

/** What install scripts need to know of the tree. */
export interface ScriptRun {
  readonly artifact: string;
  readonly context: Context;
  readonly lock: Lock;
  readonly node: NodeFacts;
  readonly libc: 'glibc' | 'musl';
  /** Non-secret lines of .npmrc. */
  readonly settings: string;
  /** Key of the piece that holds a node's files before any script ran. */
  pieceKeyOf(node: TreeNode): PackageKey;
  /** Stored pieces by node: those of packages, replaced by results of scripts as these come. */
  partOf(node: TreeNode): { readonly piece: Piece; readonly at: string };
  readonly bins: readonly BinLink[];
}

/** A package after its scripts: a piece rooted at the prefix that replaces the package's own. */
export interface ScriptResult {
  readonly node: TreeNode;
  readonly piece: Piece;
  readonly compiled: boolean;
}

/**
 * The order in which npm runs scripts: outer packages first, then by path. (npm runs one stage of all packages, then the
 * next; we run all stages of one package, so a script sees its own dependencies and nothing else.)
 */
export function scriptOrder(nodes: readonly TreeNode[]): readonly TreeNode[] {
  return [...nodes].sort((a, b) => depth(a) - depth(b) || compare(a.location, b.location));
}

/**
 * Runs preinstall, install (or the implicit node-gyp rebuild) and postinstall of one package in the builder, with
 * `npm rebuild`, in a tree that holds the package and all it depends on. The result is kept under a key of just that.
 */
export async function runScripts(node: TreeNode, run: ScriptRun): Promise<ScriptResult> {
  const { store, emit } = run.context;
  const closure = closureOf(node);
  const key = scriptKey(node, closure, run);
  const known = await storedPiece(store, key);
  if (known) return { node, piece: known, compiled: false };
  return store.withLock(`node-script-${key}`, async () => {
    const found = await storedPiece(store, key);
    if (found) return { node, piece: found, compiled: false };
    const report = (state: 'compiling' | 'compiled'): void => emit({ type: 'package', artifact: run.artifact, package: title(node), state });
    report('compiling');
    const piece = await rebuild(node, { closure, key, run });
    report('compiled');
    return { node, piece, compiled: true };
  }, (holder) => emit({ type: 'waiting', message: `waiting for ${holder} to finish ${title(node)}` }));
}

/** The package and everything that it, or what it needs, can load. */
function closureOf(node: TreeNode): ReadonlySet<TreeNode> {
  const closure = new Set([node]);
  for (const each of closure) {
    for (let outer = each.parent; outer && outer.location !== ''; outer = outer.parent) closure.add(outer);
    for (const { to } of each.edges.values()) if (to && !to.inert && !to.target) closure.add(to);
  }
  return new Set([...closure].filter((each) => each.parent));
}

/**
 * What the result depends on: the package and its closure by content and place, the builder, the variables that it can
 * see by name (never by value: they may be secrets), and the settings of .npmrc.
 */
function scriptKey(node: TreeNode, closure: ReadonlySet<TreeNode>, run: ScriptRun): PackageKey {
  const builder: BuilderKey = run.context.builderKey;
  return hashRecord<PackageKey>({
    format: 1,
    kind: 'node-script',
    location: node.location,
    closure: Object.fromEntries([...closure].map((each) => [each.location, run.pieceKeyOf(each)])),
    builder,
    node: { version: run.node.version, modules: run.node.modules },
    env: Object.keys(run.context.env).sort(),
    settings: run.settings,
  });
}

interface Rebuild {
  readonly closure: ReadonlySet<TreeNode>;
  readonly key: PackageKey;
  readonly run: ScriptRun;
}

async function rebuild(node: TreeNode, { closure, key, run }: Rebuild): Promise<Piece> {
  const builder = await run.context.builder();
  const scratch = await builder.scratch('node-scripts');
  try {
    const before = await materialise(builder, scratch, { closure, run });
    await execute(builder, node, { folder: `${scratch}/tree`, run });
    const { buildPiece } = await import('../archive/build-piece.js');
    const piece = await buildPiece(results(builder, { folder: `${scratch}/tree`, node, closure, before }), { subject: title(node) });
    return await putPiece(run.context.store, key, pieceOf(await run.context.store.writeBlob(piece, { subject: title(node), signal: run.context.signal })));
  } finally {
    await builder.discard(scratch);
  }
}

/** Puts the closure into the builder; gives the size of each file that is there. */
async function materialise(builder: Builder, scratch: string, { closure, run }: Pick<Rebuild, 'closure' | 'run'>): Promise<ReadonlyMap<string, number>> {
  const { composeArtifact, artifactEntries } = await import('../artifact/compose.js');
  const { tarOf } = await import('../archive/pack-tar.js');
  const { store } = run.context;
  const nodes = [...closure];
  const parts: Part[] = [];
  for (const node of nodes) {
    const { piece, at } = run.partOf(node);
    const place = at === '' ? '/tree' : `/tree/${at}`;
    if (!parts.some((part) => part.at === place && part.piece === piece.blob)) parts.push({ at: place, piece: piece.blob, size: piece.size, package: title(node) });
  }
  const manifest = Buffer.from('{"name":"tree","version":"0.0.0","private":true}\n');
  const npmrc = Buffer.from(`${run.settings}\n`);
  const file = (path: string, content: Buffer): PackItem => ({ entry: { type: 'file', path, mode: 0o644, size: content.length, uid: 0, gid: 0, mtime: FIXED_TIME }, content });
  const bins = run.bins.filter(({ node }) => closure.has(node));
  const tops = [...new Set(nodes.map((node) => topOf(node)))].sort(compare);
  const items = [
    file('.npmrc', npmrc), file('package.json', manifest),
    ...tops.filter((top) => top !== '').map((top) => file(`${top}/package.json`, manifest)),
    ...glueItems({ installed: nodes, bins }),
  ];
  const glue = await store.writeBlob(tarOf(items), { subject: 'a tree for install scripts' });
  const tree: Artifact = { format: 1, kind: 'node', prefix: '/tree', parts: [...parts, { at: '/tree', piece: glue.digest, size: glue.size }] };
  const sizes = new Map<string, number>();
  for await (const { entry } of artifactEntries(tree, store)) sizes.set(entry.path.replace(/^tree\/?/, ''), entry.type === 'file' ? entry.size : -1);
  await builder.put(scratch, composeArtifact(tree, store));
  return sizes;
}

/**
 * node-gyp needs Node's headers: those beside the running Node (or in /usr) are used where their version is right, so that
 * nothing is downloaded.
 */
const REBUILD = `
set -e
for dir in "$(node -p 'require("path").dirname(require("path").dirname(process.execPath))')" /usr /usr/local; do
  header="$dir/include/node/node_version.h"
  [ -f "$header" ] || continue
  found=$(awk '/^#define NODE_(MAJOR|MINOR|PATCH)_VERSION/ { v = v (v ? "." : "") $3 } END { print v }' "$header")
  if [ "v$found" = "$(node -p process.version)" ]; then export npm_config_nodedir="$dir"; break; fi
done
exec npm rebuild --foreground-scripts --no-audit --no-fund --no-update-notifier -- "$1"
`;

async function execute(builder: Builder, node: TreeNode, { folder, run }: { readonly folder: string; readonly run: ScriptRun }): Promise<void> {
  const { context, lock } = run;
  const top = topOf(node);
  const path = top === '' ? node.location : node.location.slice(top.length + 1);
  const result = await builder.run({
    subject: title(node),
    argv: ['sh', '-c', REBUILD, 'rebuild', `./${path}`],
    cwd: top === '' ? folder : `${folder}/${top}`,
    env: context.env,
    signal: context.signal,
  });
  if (result.exitCode === 0) return;
  const { compileHint } = await import('../builders/hints.js');
  const hint = compileHint({ tail: result.tail, exitCode: result.exitCode, libc: run.libc });
  throw new Failed({
    reason: 'compile',
    message: `the install script of ${title(node)} failed`,
    place: entryPlace(lock, node.location),
    detail: [`$ npm rebuild ${path}`, ...result.tail],
    advice: hint ?? `See ${result.log}; \`scripts:\` of the artifact says whose scripts run`,
  });
}

/** The project's or workspace's folder whose node_modules a node is in. */
function topOf(node: TreeNode): string {
  let top = node;
  while (top.parent) top = top.parent;
  return top.location;
}

interface Captured {
  readonly folder: string;
  readonly node: TreeNode;
  readonly closure: ReadonlySet<TreeNode>;
  readonly before: ReadonlyMap<string, number>;
}

/**
 * The package's folder as its scripts left it, and whatever they made or changed elsewhere in the tree (some generate
 * files beside their package). Paths are relative to the prefix.
 */
async function* results(builder: Builder, captured: Captured): AsyncGenerator<PackItem> {
  const { readTar } = await import('../archive/read-tar.js');
  const { node, before } = captured;
  const contents = new Map<string, { readonly mode: number; readonly content: Buffer }>();
  const nested = [...captured.closure].filter((each) => each !== node && each.location.startsWith(`${node.location}/`) && !each.entry.inBundle).map(({ location }) => location);
  const own = (path: string): boolean =>
    (path === node.location || path.startsWith(`${node.location}/`)) && !nested.some((at) => path === at || path.startsWith(`${at}/`));
  for await (const { entry, content } of readTar(await builder.take(captured.folder), { subject: title(node), strip: 1, links: 'keep', special: 'drop' })) {
    const { path } = entry;
    if (entry.type === 'file') {
      const chunks: Buffer[] = [];
      for await (const chunk of content) chunks.push(chunk as Buffer);
      contents.set(path, { mode: entry.mode, content: Buffer.concat(chunks) });
    }
    if (/(?:^|\/)node_modules\/\.(?:bin(?:\/|$)|package-lock\.json$)/.test(path) || !path.includes('node_modules')) continue;
    const changed = entry.type === 'file' ? before.get(path) !== entry.size : !before.has(path);
    if (!own(path) && !changed) continue;
    yield captureOf(entry, contents);
  }
}

function captureOf(entry: Entry, contents: ReadonlyMap<string, { readonly mode: number; readonly content: Buffer }>): PackItem {
  const common = { path: entry.path, uid: 0, gid: 0, mtime: FIXED_TIME };
  const mode = entry.mode & 0o777;
  if (entry.type === 'directory') return { entry: { type: 'directory', mode, ...common } };
  if (entry.type === 'symlink') return { entry: { type: 'symlink', mode: 0o777, target: entry.target, ...common } };
  const from = entry.type === 'hardlink' ? entry.target : entry.path;
  const file = contents.get(from);
  if (!file) throw new Error(`${entry.path} is a hard link to ${from}, which was not seen`);
  return { entry: { type: 'file', mode: file.mode & 0o777, size: file.content.length, ...common }, content: file.content };
}

function depth(node: TreeNode): number {
  let count = 0;
  for (let outer = node.parent; outer; outer = outer.parent) count++;
  return count;
}

