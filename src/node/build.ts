import type { Built, Part } from '../artifact/artifact.js';
import type { Context } from '../artifact/kind.js';
import type { BuilderFacts, NodeFacts } from '../builders/builder.js';
import type { NodeSpec } from '../config/project.js';
import type { PackageCounts } from '../core/events.js';
import { Failed, fail, type Problem } from '../core/failure.js';
import type { PackageKey } from '../core/identity.js';
import { compare } from '../core/record.js';
import { Budget } from '../util/budget.js';
import type { Analysis } from './analysis.js';
import { binLinks, type BinLink } from './bins.js';
import { EarlyParts, packagePart, type EarlyPartsOptions, type PartSettings } from './early-parts.js';
import type { FetchContext } from './fetch.js';
import { glueItems } from './glue.js';
import { hiddenLock } from './hidden-lock.js';
import type { Inputs } from './inputs.js';
import { entryPlace } from './lock.js';
import { ensurePieces, missingUnits, ownerOf, subjectOf, unitsOf, type Unit } from './packages.js';
import type { Piece } from './piece.js';
import { otherLibc, platformOf, type Platform } from './platform.js';
import { runScripts, scriptOrder, type ScriptResult, type ScriptRun } from './scripts.js';
import { markInert, markUnfit, packageName, reachable, title } from './select.js';
import type { TreeNode } from './tree.js';

export interface BuildOptions {
  readonly spec: NodeSpec;
  readonly facts: BuilderFacts;
  readonly context: Context;
  readonly inputs: Inputs;
}

/** Titles of the packages that would have to be fetched. */
export async function missingPackages(analysis: Analysis, options: BuildOptions): Promise<readonly string[]> {
  const at = fetchContext(analysis, options);
  const links = commands(analysis, analysis.selection.installed);
  return (await missingUnits(unitsOf(analysis.selection.installed, links, at), at)).map(subjectOf).sort(compare);
}

/** Fetches and unpacks what is missing, runs install scripts, and lists the pieces that make up node_modules. */
export async function buildNode(analysis: Analysis, options: BuildOptions): Promise<Built> {
  const { spec, context } = options;
  const at = fetchContext(analysis, options);
  const pieces = new Pieces();
  await pieces.ensure(analysis.selection.installed, { analysis, at, ...earlyParts(options, at) });
  if (spec.lean && leaveOutOtherLibc(analysis, { options, pieces })) {
    // A command may be another package's now, and its file executable for that.
    await pieces.ensure(reachable(analysis.tree).installed, { analysis, at });
  }
  const scripts = await runAllScripts(analysis, { options, at, pieces });
  const { installed, listed } = reachable(analysis.tree);
  const bins = [...commands(analysis, installed).filter((link) => pieces.hasFile(link)), ...analysis.ownBins];
  const gyp = new Set(installed.filter((node) => pieces.pieceOf(node)?.gyp).map(({ location }) => location));
  const glue = await storeGlue(context, {
    installed: installed.filter((node) => !node.entry.inBundle || ownerOf(node) === node),
    bins,
    ...(spec.lean ? {} : { hiddenLock: hiddenLock(analysis.project.lock, listed, { omitRegistryResolved: analysis.project.npmrc.omitRegistryResolved, gyp }) }),
  });
  const parts = [...partsOf(installed, { pieces, scripts, settings: partSettings(options, at) }), ...(installed.length > 0 ? [{ at: spec.prefix, ...glue }] : [])];
  return {
    artifact: { format: 1, kind: 'node', prefix: spec.prefix, parts },
    packages: count(installed, { pieces, scripts }),
  };
}

/**
 * The total is what npm counts as "added": every place and every link. A package that was fetched counts as such once,
 * however many places it is at; as compiled instead if its scripts ran just now. All else was there already.
 */
function count(installed: readonly TreeNode[], { pieces, scripts }: { readonly pieces: Pieces; readonly scripts: readonly ScriptResult[] }): PackageCounts {
  const units = new Set(installed.filter((node) => !node.target).map((node) => pieces.unitOf(node)));
  const compiled = new Set(scripts.filter((result) => result.compiled).map(({ node }) => pieces.unitOf(node)));
  const fetched = [...units].filter((unit) => unit && pieces.isFetched(unit) && !compiled.has(unit)).length;
  return { total: installed.length, fetched, compiled: compiled.size, reused: installed.length - fetched - compiled.size };
}

/** Links to commands of packages; those of the project's own folders were looked up when it was read. */
function commands(analysis: Analysis, nodes: readonly TreeNode[]): readonly BinLink[] {
  if (!analysis.project.npmrc.binLinks) return [];
  return binLinks(nodes).filter(({ node }) => !node.target);
}

/** Bytes. */
const UNPACKING = 12 * 1024 ** 2;

function fetchContext(analysis: Analysis, { spec, context, inputs }: BuildOptions): FetchContext {
  const { scripts } = analysis;
  return {
    artifact: spec.name,
    context,
    lock: analysis.project.lock,
    folder: inputs.folder,
    registries: analysis.registries,
    memory: new Budget(UNPACKING),
    mayRun: (node) => scripts === 'allow' || (scripts !== 'deny' && scripts.includes(packageName(node))),
  };
}

/**
 * Takes out the optional packages that were built for another libc, by what they say themselves where the lock doesn't: one
 * that npm wrote before it knew the field. True if there were some.
 */
function leaveOutOtherLibc({ tree, selection }: Analysis, { options, pieces }: { readonly options: BuildOptions; readonly pieces: Pieces }): boolean {
  const { facts } = options;
  const platform = platformOf(facts, facts.node as NodeFacts);
  const others = reachable(tree).installed.filter((node) => isForOtherLibc(node, pieces.pieceOf(node), platform));
  markUnfit(others, selection);
  return others.length > 0;
}

/** By what an optional package says itself where the lock doesn't. */
function isForOtherLibc(node: TreeNode, piece: Piece | undefined, platform: Platform): boolean {
  return node.flags.optional && node.manifest.libc === undefined && otherLibc(piece?.libc ?? [], platform);
}

function partSettings({ spec: { prefix } }: BuildOptions, { mayRun }: FetchContext): PartSettings {
  return { prefix, isBuilt: (node, { gyp }) => (node.entry.hasInstallScript === true || gyp) && mayRun(node) };
}

/** What is lean does without some of them. */
function earlyParts(options: BuildOptions, at: FetchContext): { readonly early?: EarlyPartsOptions } {
  const { spec, facts, context: { onParts } } = options;
  if (onParts === undefined) return {};
  const platform = platformOf(facts, facts.node as NodeFacts);
  const isOut = (node: TreeNode, piece: Piece): boolean => spec.lean && isForOtherLibc(node, piece, platform);
  return { early: { ...partSettings(options, at), onParts, isOut } };
}

interface Ensuring {
  readonly analysis: Analysis;
  readonly at: FetchContext;
  readonly early?: EarlyPartsOptions;
}

/** Which piece a node's files are in. */
class Pieces {
  readonly #units = new Map<TreeNode, Unit>();
  readonly #pieces = new Map<PackageKey, Piece>();
  readonly #fetched = new Set<PackageKey>();

  /** Gets the pieces of these nodes and no others, but for those that it has. Fails with all that can't be had. */
  async ensure(nodes: readonly TreeNode[], { analysis, at, early }: Ensuring): Promise<void> {
    const units = unitsOf(nodes, commands(analysis, nodes), at);
    const missing = units.filter(({ key }) => !this.#pieces.has(key));
    const telling = early && new EarlyParts(missing, early);
    const ensured = await ensurePieces(telling?.inOrder ?? missing, at, telling && ((unit, piece) => telling.made(unit, piece)));
    if (ensured.problems.length > 0) throw new Failed([...ensured.problems]);
    this.#units.clear();
    for (const unit of units) for (const node of unit.nodes) this.#units.set(node, unit);
    for (const [{ key }, piece] of ensured.pieces) this.#pieces.set(key, piece);
    for (const { key } of ensured.fetched) this.#fetched.add(key);
  }

  /** Came over the network just now. */
  isFetched({ key }: Unit): boolean {
    return this.#fetched.has(key);
  }

  unitOf(node: TreeNode): Unit | undefined {
    return this.#units.get(ownerOf(node));
  }

  /** The piece of a package's own; undefined for links and for what lies in another's. */
  pieceOf(node: TreeNode): Piece | undefined {
    const unit = this.#units.get(node);
    return unit && this.#pieces.get(unit.key);
  }

  hasFile({ node, file }: BinLink): boolean {
    const owner = ownerOf(node);
    const path = owner === node ? file : `${node.location.slice(owner.location.length + 1)}/${file}`;
    return this.pieceOf(owner)?.bins.includes(path) ?? false;
  }
}

interface Scripting {
  readonly options: BuildOptions;
  readonly at: FetchContext;
  readonly pieces: Pieces;
}

/** Runs what may run, one after the other, since a script may need what an earlier one made. */
async function runAllScripts(analysis: Analysis, { options, at, pieces }: Scripting): Promise<readonly ScriptResult[]> {
  const { context, spec } = options;
  const wanting = scriptOrder(reachable(analysis.tree).installed.filter((node) => !node.target && (node.entry.hasInstallScript || pieces.pieceOf(node)?.gyp)));
  const denied = wanting.filter((node) => !at.mayRun(node));
  if (denied.length > 0) {
    context.emit({ type: 'step', subject: spec.name, message: `install scripts that did not run (scripts: ${analysis.scripts === 'deny' ? 'deny' : 'not in the list'}): ${denied.map(title).join(', ')}` });
  }
  const results = new Map<TreeNode, ScriptResult>();
  const problems: Problem[] = [];
  const run: ScriptRun = {
    artifact: spec.name, context, lock: analysis.project.lock, node: options.facts.node as NodeFacts, libc: options.facts.libc.name, settings: analysis.settings,
    bins: commands(analysis, reachable(analysis.tree).installed).filter((link) => pieces.hasFile(link)),
    pieceKeyOf: (node) => pieces.unitOf(node)?.key ?? missingPiece(node, analysis),
    partOf: (node) => {
      const result = results.get(node);
      if (result) return { piece: result.piece, at: '' };
      const owner = ownerOf(node);
      return { piece: pieces.pieceOf(owner) ?? missingPiece(node, analysis), at: owner.location };
    },
  };
  for (const node of wanting) {
    if (!at.mayRun(node) || node.inert) continue;
    try {
      results.set(node, await runScripts(node, run));
    } catch (error) {
      if (!(error instanceof Failed) || !error.has('compile')) throw error;
      if (node.flags.optional) {
        markInert(node);
        for (const problem of error.problems) context.emit({ type: 'warning', problem: { ...problem, message: `${problem.message}; it is optional and left out` } });
      } else {
        context.emit({ type: 'package', artifact: spec.name, package: title(node), state: 'failed' });
        problems.push(...error.problems);
      }
    }
  }
  if (problems.length > 0) throw new Failed(problems);
  return [...results.values()].filter(({ node }) => !node.inert);
}

function missingPiece(node: TreeNode, analysis: Analysis): never {
  return fail({ reason: 'requirements', message: `${title(node)} has no files of its own`, place: entryPlace(analysis.project.lock, node.location) });
}

interface PartOptions {
  readonly pieces: Pieces;
  readonly scripts: readonly ScriptResult[];
  readonly settings: PartSettings;
}

/** Packages by location, then what scripts made; a package whose scripts ran is there in the latter form only. */
function partsOf(installed: readonly TreeNode[], { pieces, scripts, settings }: PartOptions): readonly Part[] {
  const replaced = new Set(scripts.map(({ node }) => node));
  const parts: Part[] = [];
  for (const node of [...installed].sort((a, b) => compare(a.location, b.location))) {
    const piece = pieces.pieceOf(node);
    if (piece && !replaced.has(node)) parts.push(packagePart(node, piece, settings));
  }
  for (const { node, piece } of scripts) parts.push({ at: settings.prefix, piece: piece.blob, size: piece.size, package: title(node), built: true });
  return parts;
}

async function storeGlue(context: Context, glue: Parameters<typeof glueItems>[0]): Promise<{ readonly piece: Part['piece']; readonly size: number }> {
  const { tarOf } = await import('../archive/pack-tar.js');
  const { digest, size } = await context.store.writeBlob(tarOf(glueItems(glue)), { subject: 'links of node_modules' });
  return { piece: digest, size };
}
