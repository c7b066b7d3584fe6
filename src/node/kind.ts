import { createHash } from 'node:crypto';
import type { Context, KeyedRecord, Kind, KeyRecord, Planned } from '../artifact/kind.js';
import { sharedReading } from '../artifact/shared-reading.js';
import type { BuilderFacts } from '../builders/builder.js';
import type { NodeSpec } from '../config/project.js';
import type { RequirementHash } from '../core/identity.js';
import { hashRecord, type Data } from '../core/record.js';
import type { RecordEntry } from '../store/store.js';
import type { Analysis } from './analysis.js';
import { existsInside, readInputs, type Inputs } from './inputs.js';
import { isObject } from './manifest.js';
import { posix } from 'node:path';

/** node_modules, package by package, as `npm ci` would make it in the builder. */
export function createNodeKind(): Kind<NodeSpec> {
  const read = sharedReading((spec: NodeSpec, { root }: Pick<Context, 'root'>) => readInputs({ root, package: spec.package.value, place: spec.package.place }));
  return { plan: async (spec, context) => plan(spec, context, await read(spec, context)), inputs: async (spec, from) => inputFiles(spec, await read(spec, from)), locksOf };
}

/** Its package.json, lock and .npmrc, and the package.json of each workspace. */
function inputFiles(spec: NodeSpec, { folder, lockFile, npmrcFile, workspaces }: Inputs): readonly string[] {
  return [spec.package.value, lockFile, npmrcFile, ...[...workspaces.keys()].map((workspace) => posix.join(folder, workspace, 'package.json'))];
}

async function plan(spec: NodeSpec, context: Context, inputs: Inputs): Promise<Planned> {
  const facts = await context.facts();
  const input = inputKey(inputs, { spec, facts, context });
  const remembered = parseKnown(await context.store.getRecord('locks', input));
  let analysis: Promise<Analysis> | undefined;
  const analysed = (): Promise<Analysis> => (analysis ??= analyse(inputs, { spec, facts, context }));
  const known = remembered && (await stillTrue(remembered, inputs)) ? remembered : await remember(await analysed(), { input, context });
  return {
    key: known.key,
    record: known.record,
    packageCount: known.packageCount,
    build: async () => (await import('./build.js')).buildNode(await analysed(), { spec, facts, context, inputs }),
    missing: async () => (await import('./build.js')).missingPackages(await analysed(), { spec, facts, context, inputs }),
  };
}

function locksOf(artifacts: readonly KeyedRecord[], locks: readonly RecordEntry[]): readonly string[] {
  const keys = new Set<string>(artifacts.map(({ key }) => key));
  return locks.filter(({ value }) => keys.has(parseKnown(value)?.key ?? '')).map(({ key }) => key);
}

/** Loaded only when inputs are new or something is to be done: it brings the semver library with it. */
async function analyse(inputs: Inputs, { spec, facts, context }: Asked): Promise<Analysis> {
  const { analyse: run } = await import('./analysis.js');
  return run(inputs, { spec, facts, builderKey: context.builderKey, env: context.env });
}

interface Asked {
  readonly spec: NodeSpec;
  readonly facts: BuilderFacts;
  readonly context: Context;
}

/**
 * What was once worked out for inputs of exactly these bytes: understanding a lock of a thousand packages takes longer than
 * everything else that a run with nothing to do does.
 */
interface Known {
  readonly key: RequirementHash;
  readonly record: KeyRecord;
  readonly packageCount: number;
  /** Further files that decided: texts by folder, and whether files exist. */
  readonly others: Readonly<Record<string, string>>;
  readonly probed: Readonly<Record<string, boolean>>;
}

/** To be raised whenever the same inputs give another key record than before. */
const ANALYSIS = 1;

function inputKey(inputs: Inputs, { spec, facts, context }: Asked): string {
  const texts = [inputs.manifest.text, inputs.lock, inputs.npmrc, ...[...inputs.workspaces].flat()].map(sha256);
  const { omit, scripts, engineStrict, lean, registry, prefix } = spec;
  return hashRecord<string>({
    format: ANALYSIS, kind: 'node', texts, folder: inputs.folder, lockFile: inputs.lockFile, prefix, omit,
    scripts, engineStrict: engineStrict ?? null, registry: registry ?? null, builder: context.builderKey,
    ...(lean ? { lean } : {}),
    facts: { libc: facts.libc.name, node: (facts.node ?? null) as unknown as Data },
    // Names decide about the key record, values about registries and omit in .npmrc; values never leave this hash.
    env: sha256(JSON.stringify(Object.entries(context.env).sort())),
  });
}

async function remember(analysis: Analysis, { input, context }: { readonly input: string; readonly context: Context }): Promise<Known> {
  for (const problem of analysis.warnings) context.emit({ type: 'warning', problem });
  const known: Known = {
    key: hashRecord<RequirementHash>(analysis.record),
    record: analysis.record,
    packageCount: analysis.selection.installed.length,
    others: Object.fromEntries([...analysis.project.others].map(([at, text]) => [at, sha256(text)])),
    probed: Object.fromEntries(analysis.probed),
  };
  await context.store.putRecord('locks', input, known as unknown as Data);
  return known;
}

async function stillTrue(known: Known, inputs: Inputs): Promise<boolean> {
  for (const [path, exists] of Object.entries(known.probed)) {
    if ((await existsInside(inputs.root, posix.join(inputs.folder, path))) !== exists) return false;
  }
  const others = Object.entries(known.others);
  if (others.length === 0) return true;
  const { readFolder } = await import('./project-files.js');
  for (const [at, hash] of others) {
    const text = await readFolder({ root: inputs.root, folder: inputs.folder, at });
    if (text === undefined || sha256(text) !== hash) return false;
  }
  return true;
}

function parseKnown(record: Data | undefined): Known | undefined {
  if (!isObject(record)) return undefined;
  const { key, record: keyRecord, packageCount, others, probed } = record;
  if (typeof key !== 'string' || !isObject(keyRecord) || typeof packageCount !== 'number' || !isObject(others) || !isObject(probed)) return undefined;
  return record as unknown as Known;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
