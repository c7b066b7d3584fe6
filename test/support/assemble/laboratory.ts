import { Readable } from 'node:stream';
import type { OciConfig } from '../../../src/assemble/oci-config.js';
import { engineTree } from '../../../src/assemble/engine-tree.js';
import { parentConfig } from '../../../src/assemble/parent-config.js';
import { mapParallel } from '../../../src/util/parallel.js';
import { connectEngine } from '../../../src/engine/connect.js';
import type { Engine } from '../../../src/engine/engine.js';
import { assembleAll, buildWithEngine, dockerfileOf, type Outcome, type Parent } from './build-both.js';
import type { Case } from './case.js';
import { asOldBuildkit, configDifferences, configFacts, withoutIdleLayers } from './compare-images.js';
import { applyLayers, asTree, differences, type FileTree } from './file-tree.js';
import { readArchive, writeArchive, type ArchiveImage } from './image-archive.js';
import { sha256, tar } from './node.js';
import { PARENTS } from './parents.js';

const PARALLEL = 3;
const SAVED_AT_ONCE = 60;
const BASE = 'debian:trixie-slim';

/** What a case showed; equal if there are no problems. */
export interface Finding {
  readonly name: string;
  readonly problems: readonly string[];
}

/** An engine with the parents of the cases in it. */
export interface Laboratory {
  readonly engine: Engine;
  /** Of the engine's version. */
  readonly major: number;
  readonly parents: ReadonlyMap<string, Parent>;
  examine(cases: readonly Case[]): Promise<Finding[]>;
  close(): Promise<void>;
}

/** `host` in the syntax of DOCKER_HOST; default: where the environment says. */
export async function openLaboratory(host = process.env['DOCKER_HOST']): Promise<Laboratory> {
  const engine = connectEngine({ host });
  const major = Number.parseInt((await engine.info()).version, 10);
  const parents = new Map<string, Parent>();
  const made = new Set<string>();
  const images = [];
  for (const [name, { layers, config: runConfig }] of Object.entries(PARENTS)) {
    const tars = await Promise.all(layers.map((layer) => tar(layer)));
    const config: OciConfig = {
      architecture: 'amd64', os: 'linux', created: '2001-01-01T00:00:00Z', config: runConfig,
      rootfs: { type: 'layers', diff_ids: tars.map((layer) => `sha256:${sha256(layer)}`) },
      // Other suites have other parents: else equal images would be one to the engine, and the first to end would remove it.
      history: tars.map((_, index) => ({ created: '2001-01-01T00:00:00Z', created_by: `layer ${index} of ${process.pid}` })),
    };
    const bytes = Buffer.from(JSON.stringify(config));
    // Suites run side by side, and each removes its own.
    const reference = `wheelwright-assemble-test/${name}:${process.pid}`;
    images.push({ config: bytes, layers: tars, tags: [reference] });
    const files = await applyLayers(new Map(), tars);
    parents.set(name, { reference, config, tree: asTree(files), files });
  }
  await engine.load(Readable.from([await writeArchive(images)]));
  const closing: (() => Promise<void>)[] = [];
  const details = await engine.imageDetails(BASE);
  if (details !== undefined) {
    const tree = engineTree(engine, BASE);
    closing.push(tree.close);
    parents.set('debian', { reference: BASE, config: parentConfig(details), tree });
  }
  return { engine, major, parents, examine, close };

  async function examine(cases: readonly Case[]): Promise<Finding[]> {
    const pairs = await mapParallel(cases.filter(({ since = 0, parent }) => since <= major && (parent === 'scratch' || parents.has(parent))), PARALLEL, async (one) => {
      const dockerfile = dockerfileOf(one, parents);
      const theirs = await buildWithEngine(engine, one, dockerfile);
      if (theirs.id !== undefined) made.add(theirs.id);
      return { one, theirs, ours: await assembleAll(one, dockerfile, parents) };
    });
    const saved = await saveAll(pairs.flatMap(({ one, theirs }) => (theirs.id === undefined || one.outcome === 'not thin' ? [] : [theirs.id])));
    return Promise.all(pairs.map(async ({ one, theirs, ours }) => ({ name: one.name, problems: await judge(one, ours, { ...theirs, image: saved.get(theirs.id ?? '') }) })));
  }

  async function judge(one: Case, ours: Outcome, theirs: { readonly message?: string; readonly image: ArchiveImage | undefined }): Promise<string[]> {
    const expected = one.outcome ?? 'equal';
    if (expected === 'not thin') return ours.kind === 'not thin' ? [] : [`ours is ${ours.kind}, should be left to the builder${ours.kind === 'built' ? '' : `: ${ours.message}`}`];
    if (expected === 'fails') {
      return [
        ...(ours.kind === 'failed' ? [] : [`ours is ${ours.kind}, should fail`]),
        ...(theirs.message === undefined ? ['the engine builds it'] : []),
      ];
    }
    if (expected === 'same' && ours.kind === 'failed' && theirs.image === undefined) return [];
    if (ours.kind !== 'built') return [`ours is ${ours.kind}: ${ours.message}${theirs.message === undefined ? '' : `; the engine: ${theirs.message}`}`];
    if (theirs.image === undefined) return [`the engine fails: ${theirs.message}`];
    const parent = parents.get(one.parent);
    const below = parent?.config.rootfs.diff_ids.length ?? 0;
    const base: FileTree = parent?.files ?? new Map();
    const above = parent?.config.history.length ?? 0;
    const theirLayers = theirs.image.layers.slice(below);
    const trees = await Promise.all([applyLayers(base, ours.layers), applyLayers(base, theirLayers)]);
    const facts = configFacts(await withoutIdleLayers(ours.config, above, { base, layers: ours.layers }), above);
    const theirFacts = configFacts(await withoutIdleLayers(theirs.image.config, above, { base, layers: theirLayers }), above);
    return [...differences(trees[0], trees[1]), ...(major < 23 ? configDifferences(asOldBuildkit(facts), asOldBuildkit(theirFacts)) : configDifferences(facts, theirFacts))];
  }

  async function saveAll(ids: readonly string[]): Promise<Map<string, ArchiveImage>> {
    const found = new Map<string, ArchiveImage>();
    const unique = [...new Set(ids)];
    for (let at = 0; at < unique.length; at += SAVED_AT_ONCE) {
      for (const image of await readArchive(await engine.save(unique.slice(at, at + SAVED_AT_ONCE)))) found.set(image.id, image);
    }
    return found;
  }

  async function close(): Promise<void> {
    for (const end of closing) await end();
    await mapParallel([...made], PARALLEL, (id) => engine.removeImage(id));
    for (const [name, { reference }] of parents) if (name !== 'debian') await engine.removeImage(reference);
  }
}
