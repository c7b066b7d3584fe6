import { posix } from 'node:path';
import type { KeyRecord } from '../artifact/kind.js';
import type { BuilderFacts, NodeFacts } from '../builders/builder.js';
import type { NodeSpec } from '../config/project.js';
import { Failed, fail, type Problem } from '../core/failure.js';
import type { BuilderKey } from '../core/identity.js';
import { binLinks, type BinLink } from './bins.js';
import { recomputeFlags } from './flags.js';
import { existsInside, type Inputs } from './inputs.js';
import { keyRecord } from './key-record.js';
import { entryPlace } from './lock.js';
import { platformOf } from './platform.js';
import { parseProject, type ProjectFiles } from './project-files.js';
import { registries, type Registries } from './registry.js';
import { scriptSettings } from './script-settings.js';
import { parseSpec } from './spec.js';
import { select, title, type Selection } from './select.js';
import { syncProblems } from './sync.js';
import { buildTree, type Tree } from './tree.js';

/** Everything that is known of a node artifact without having a single package. */
export interface Analysis {
  readonly project: ProjectFiles;
  readonly tree: Tree;
  readonly selection: Selection;
  readonly registries: Registries;
  /** Whose install scripts run. */
  readonly scripts: 'allow' | 'deny' | readonly string[];
  /** Lines of .npmrc that install scripts may see. */
  readonly settings: string;
  /** Links to commands of the project's own folders. */
  readonly ownBins: readonly BinLink[];
  /** Files of the project that decided about `ownBins`: path relative to the lock → exists. */
  readonly probed: ReadonlyMap<string, boolean>;
  readonly warnings: readonly Problem[];
  readonly record: KeyRecord;
}

export interface AnalysisOptions {
  readonly spec: NodeSpec;
  readonly facts: BuilderFacts;
  readonly builderKey: BuilderKey;
  readonly env: Readonly<Record<string, string>>;
}

/** Reads the lock as `npm ci` would in this builder. Fails with all that npm would refuse. */
export async function analyse(inputs: Inputs, options: AnalysisOptions): Promise<Analysis> {
  const { spec, facts } = options;
  const node = nodeFacts(options);
  const project = await parseProject(inputs, options.env);
  const { lock, npmrc, manifests } = project;
  const tree = buildTree(lock, manifests, { legacyPeerDeps: npmrc.legacyPeerDeps });
  recomputeFlags(tree);
  const problems = [...syncProblems(tree, lock, project.files), ...unsupportedProblems(tree, project)];
  if (problems.length > 0) throw new Failed(problems);
  for (const each of tree.nodes.values()) if (each.flags.extraneous && each.parent) each.inert = true;
  const omit = new Set<string>(spec.omit.length > 0 ? spec.omit : npmrc.omit);
  const selection = select(tree, lock, { omit, engineStrict: spec.engineStrict ?? npmrc.engineStrict, platform: platformOf(facts, node) });
  const { ownBins, probed } = await ownLinks(inputs, selection, npmrc.binLinks);
  const scripts = npmrc.ignoreScripts && spec.scripts === 'allow' ? 'deny' : spec.scripts;
  const settings = scriptSettings(inputs.npmrc);
  const record = keyRecord({
    prefix: spec.prefix, builder: options.builderKey, node, libc: `${facts.libc.name}`, omit, scripts,
    env: Object.keys(options.env), settings, binLinks: npmrc.binLinks, omitRegistryResolved: npmrc.omitRegistryResolved,
    head: lock.head, selection, ownBins, lean: spec.lean,
  });
  return {
    project, tree, selection, scripts, settings, ownBins, probed, record,
    registries: registries(npmrc, spec.registry, node.registry),
    warnings: [...npmrc.warnings, ...selection.warnings],
  };
}

export function nodeFacts({ spec, facts }: Pick<AnalysisOptions, 'spec' | 'facts'>): NodeFacts {
  return facts.node ?? fail({
    reason: 'unsupported',
    message: `the builder ${spec.builder.value} has no Node.js, which artifact ${spec.name} needs`,
    place: spec.builder.place,
    advice: 'Install Node.js and npm in the builder image',
  });
}

/** What npm installs in other ways than into the project's node_modules, or from other things than packages. */
function unsupportedProblems(tree: Tree, { lock }: ProjectFiles): Problem[] {
  const problems: Problem[] = [];
  for (const node of tree.nodes.values()) {
    if (!node.location.includes('node_modules/')) continue;
    const { resolved } = node.entry;
    if (node.location.startsWith('../')) {
      problems.push({
        reason: 'unsupported',
        message: `${title(node)} would be installed outside the project, at ${node.location}`,
        place: entryPlace(lock, node.location),
        advice: 'Make the folder a workspace of the project',
      });
    } else if (!node.target && resolved?.startsWith('file:') && parseSpec(resolved).type === 'directory') {
      problems.push({
        reason: 'unsupported',
        message: `the lock wants a copy of the folder ${resolved.slice('file:'.length)} installed (npm's install-links)`,
        place: entryPlace(lock, node.location, 'resolved'),
        advice: 'Set install-links=false in .npmrc and write the lock anew, or pack the folder with `npm pack`',
      });
    }
  }
  return problems;
}

async function ownLinks(inputs: Inputs, selection: Selection, wanted: boolean): Promise<{ ownBins: readonly BinLink[]; probed: ReadonlyMap<string, boolean> }> {
  const probed = new Map<string, boolean>();
  const ownBins: BinLink[] = [];
  if (!wanted) return { ownBins, probed };
  for (const link of binLinks(selection.installed)) {
    const folder = link.node.target?.location;
    if (folder === undefined) continue;
    const path = posix.join(folder, link.file);
    const exists = await existsInside(inputs.root, posix.join(inputs.folder, path));
    probed.set(path, exists);
    if (exists) ownBins.push(link);
  }
  return { ownBins, probed };
}
