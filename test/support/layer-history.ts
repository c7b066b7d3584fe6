import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PieceReader } from '../../src/archive/read-piece.js';
import type { Artifact, Part } from '../../src/artifact/artifact.js';
import type { RequirementHash } from '../../src/core/identity.js';
import { artifactLayers, type ArtifactLayers } from '../../src/layers/artifact-layers.js';
import { compressedLayer } from '../../src/layers/compressed.js';
import type { Layer } from '../../src/layers/layer.js';
import { openLayer } from '../../src/layers/open-layer.js';
import type { Store } from '../../src/store/store.js';

/** A version of one artifact. */
export interface Version {
  readonly name: string;
  readonly key: RequirementHash;
  readonly artifact: Artifact;
}

/** What a version adds to the one before it. */
export interface Row extends ArtifactLayers {
  readonly name: string;
  /** Packages whose piece is new at its place. */
  readonly packages: number;
  /** Layers that the version before does not have. */
  readonly added: readonly Layer[];
  /** All layers. */
  readonly bytes: number;
  /** The new layers compressed, and the new pieces one by one; 0 where they are big. */
  readonly gzip: number;
  readonly changed: number;
  readonly seconds: number;
}

/** Compressing more would only take time. */
const BIG = 32 * 1024 * 1024;

/** Plans the layers of all versions in their order. */
export async function replayLayers(versions: readonly Version[], store: Store): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [index, { name, key, artifact }] of versions.entries()) {
    const before = versions[index - 1]?.artifact.parts ?? [];
    const started = performance.now();
    const result = await artifactLayers({ key, name: 'history', artifact }, { store });
    const seconds = (performance.now() - started) / 1000;
    const known = new Set(rows.at(-1)?.layers.map(({ diffId }) => diffId));
    const added = result.layers.filter(({ diffId }) => !known.has(diffId));
    const parts = newParts(before, artifact.parts);
    let gzip = 0;
    let changed = 0;
    if (added.reduce((sum, { size }) => sum + size, 0) < BIG) {
      for (const layer of added) gzip += (await compressedLayer(layer, { store, format: 'gzip' })).size;
      for (const { piece } of parts) changed += gzipSync(await store.readBlobBytes(piece)).length;
    }
    const bytes = result.layers.reduce((sum, { size }) => sum + size, 0);
    rows.push({ ...result, name, packages: parts.filter((part) => part.package !== undefined).length, added, bytes, gzip, changed, seconds });
  }
  return rows;
}

/** The table of a replay, as text. */
export function tableOf(title: string, rows: readonly Row[]): string {
  const columns = ['step', 'packages', 'layers', 'new layers', 'new bytes', 'gzip', 'pieces gzip', 'waste', '% waste', 'seconds'];
  const lines = rows.map(({ name, packages, layers, added, gzip, changed, waste, bytes, seconds }) => [
    name, packages, layers.length, added.length, added.reduce((sum, { size }) => sum + size, 0), gzip, changed, waste, (100 * waste / (bytes - waste)).toFixed(1), seconds.toFixed(2),
  ]);
  const all = [columns, ...lines].map((line) => line.map((cell, index) => (index === 0 ? String(cell).padEnd(14) : String(cell).padStart(11))).join(' '));
  return `${title}\n${all.join('\n')}\n`;
}

/** Path → what is there once all layers are applied, one over the other (OCI image spec). */
export async function treeOf(layers: readonly Layer[], store: Store): Promise<ReadonlyMap<string, string>> {
  const tree = new Map<string, string>();
  for (const layer of layers) {
    const gone: string[] = [];
    const found = new Map<string, string>();
    const reader = new PieceReader(await openLayer(layer, store), 'layer');
    for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
      const { entry } = next;
      const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
      if (name.startsWith('.wh.')) gone.push(entry.path.slice(0, -name.length) + name.slice(4));
      else if (entry.type === 'directory') found.set(entry.path, `folder ${entry.mode.toString(8)}`);
      else if (entry.type === 'symlink') found.set(entry.path, `link ${entry.target}`);
      else if (entry.type === 'hardlink') found.set(entry.path, found.get(entry.target) ?? 'hard link to nothing');
      else found.set(entry.path, `file ${entry.mode.toString(8)} ${await hashOf(reader)}`);
    }
    const paths = gone.length === 0 ? [] : [...tree.keys()];
    for (const path of gone) for (const other of paths) if (other === path || other.startsWith(`${path}/`)) tree.delete(other);
    for (const [path, what] of found) tree.set(path, what);
  }
  return tree;
}

async function hashOf(reader: PieceReader): Promise<string> {
  const hash = createHash('sha1');
  for (let chunk = await reader.some(); chunk !== undefined; chunk = await reader.some()) hash.update(chunk);
  return hash.digest('hex');
}

function newParts(before: readonly Part[], after: readonly Part[]): Part[] {
  const known = new Set(before.map(({ at, piece }) => `${at} ${piece}`));
  return after.filter(({ at, piece }) => !known.has(`${at} ${piece}`));
}
