import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { buildPiece } from '../../../src/archive/build-piece.js';
import type { PackItem } from '../../../src/archive/pack-tar.js';
import { readTar } from '../../../src/archive/read-tar.js';
import { composeArtifact } from '../../../src/artifact/compose.js';
import type { Artifact, Part } from '../../../src/artifact/artifact.js';
import type { RequirementHash } from '../../../src/core/identity.js';
import { hashRecord, type Data } from '../../../src/core/record.js';
import type { Layer, PiecesContent, RecipeHash } from '../../../src/layers/layer.js';
import { openLayer } from '../../../src/layers/open-layer.js';
import { findContent } from '../../../src/layers/stored-layer.js';
import type { Store } from '../../../src/store/store.js';

const common = { uid: 0, gid: 0, mtime: 0 };
export const file = (path: string, text: string, mode = 0o644): PackItem => ({ entry: { type: 'file', path, mode, size: Buffer.byteLength(text), ...common }, content: Buffer.from(text) });
export const folder = (path: string, mode = 0o755): PackItem => ({ entry: { type: 'directory', path, mode, ...common } });
export const symlink = (path: string, target: string): PackItem => ({ entry: { type: 'symlink', path, mode: 0o777, target, ...common } });
export const hardlink = (path: string, target: string): PackItem => ({ entry: { type: 'hardlink', path, mode: 0o644, target, ...common } });

export async function part(store: Store, at: string, items: readonly PackItem[], name?: string): Promise<Part> {
  const { digest, size } = await store.writeBlob(await buildPiece(items, { subject: name ?? at }));
  return { at, piece: digest, size, ...(name === undefined ? {} : { package: name }) };
}

export function artifact(parts: readonly Part[], prefix = '/opt/venv'): Artifact {
  return { format: 1, kind: 'python', prefix, parts };
}

export function keyOf(whole: Artifact): RequirementHash {
  return hashRecord<RequirementHash>(whole as unknown as Data);
}

/** What a layer of pieces is composed of. */
export async function contentOf({ content }: Layer, store: Store): Promise<PiecesContent> {
  return (await findContent((content as { readonly recipe: RecipeHash }).recipe, store))!;
}

/** Path → what is there: owner, mode and content. */
export type Tree = Map<string, string>;

/** The tree that layers give, one applied over the other as the OCI image spec says. */
export async function applied(layers: readonly Layer[], store: Store): Promise<Tree> {
  const tree: Tree = new Map();
  for (const layer of layers) {
    const tar = await buffer(await openLayer(layer, store));
    if (tar.length !== layer.size) throw new Error(`a layer of ${tar.length} bytes says that it has ${layer.size}`);
    await apply(tree, tar);
  }
  return tree;
}

/** Refuses what no layer may have: a path twice, an entry without its folders, a hard link out of the layer. */
async function apply(tree: Tree, tar: Buffer): Promise<void> {
  const own = new Map<string, string>();
  const contents = new Map<string, string>();
  for await (const { entry, content } of readTar(Readable.from([tar], { objectMode: false }), { subject: 'layer', links: 'keep', duplicates: 'refuse' })) {
    const { path } = entry;
    const slash = path.lastIndexOf('/');
    if (slash > 0 && own.get(path.slice(0, slash)) !== 'directory') throw new Error(`${path} comes without its folder`);
    const mode = entry.mode.toString(8);
    const text = (await buffer(content)).toString('latin1');
    const name = path.slice(slash + 1);
    own.set(path, entry.type);
    if (name.startsWith('.wh.')) {
      const gone = path.slice(0, slash + 1) + name.slice(4);
      if (!tree.has(gone)) throw new Error(`${gone} is removed, and was not there`);
      remove(tree, gone);
      continue;
    }
    if (entry.type === 'directory') {
      if (!(tree.get(path) ?? '').startsWith('folder')) remove(tree, path);
      tree.set(path, `folder ${mode} ${entry.uid}:${entry.gid}`);
      continue;
    }
    remove(tree, path);
    if (entry.type === 'file') contents.set(path, text);
    if (entry.type === 'hardlink' && !contents.has(entry.target)) throw new Error(`${path} links to ${entry.target}, which is not in the layer`);
    if (entry.type === 'hardlink') contents.set(path, contents.get(entry.target) as string);
    tree.set(path, entry.type === 'symlink' ? `link ${entry.target}` : `${mode} ${contents.get(path) as string}`);
  }
}

function remove(tree: Tree, path: string): void {
  tree.delete(path);
  for (const other of [...tree.keys()]) if (other.startsWith(`${path}/`)) tree.delete(other);
}

/** What `composeArtifact` makes of it, below folders that are 0755 0:0. */
export async function composed(whole: Artifact, store: Store): Promise<Tree> {
  const tree: Tree = new Map();
  const tar = await buffer(composeArtifact(whole, store));
  if (whole.parts.length > 0) {
    const above = whole.prefix.slice(1).split('/').slice(0, -1);
    above.forEach((_, depth) => tree.set(above.slice(0, depth + 1).join('/'), 'folder 755 0:0'));
  }
  const contents = new Map<string, string>();
  for await (const { entry, content } of readTar(Readable.from([tar], { objectMode: false }), { subject: 'artifact', links: 'keep' })) {
    const mode = entry.mode.toString(8);
    if (entry.type === 'file') contents.set(entry.path, (await buffer(content)).toString('latin1'));
    if (entry.type === 'hardlink') contents.set(entry.path, contents.get(entry.target) as string);
    if (entry.type === 'directory') tree.set(entry.path, `folder ${mode} 0:0`);
    else tree.set(entry.path, entry.type === 'symlink' ? `link ${entry.target}` : `${mode} ${contents.get(entry.path) as string}`);
  }
  return tree;
}

export function sorted(tree: Tree): Record<string, string> {
  return Object.fromEntries([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
}
