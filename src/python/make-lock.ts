import type { Problem } from '../core/failure.js';
import { Failed } from '../core/failure.js';
import type { Place } from '../core/place.js';
import type { Data } from '../core/record.js';
import { compare, hashRecord } from '../core/record.js';
import type { Gap } from './closure.js';
import { findGaps } from './closure.js';
import { createIndexClient } from './index-client.js';
import type { Inputs } from './inputs.js';
import type { PythonLock } from './lock.js';
import { isExact } from './merge.js';
import { parseMetadata } from './metadata.js';
import type { Metadata } from './metadata.js';
import { obtain } from './obtain.js';
import type { Obtained } from './obtained.js';
import type { Requirement } from './requirement.js';
import { resolveInBuilder } from './resolver.js';
import { resolveLocked } from './resolve-locked.js';
import type { PinContext } from './resolve-pin.js';
import { resolvePin } from './resolve-pin.js';
import { semanticForm } from './semantic.js';
import { settleAll } from './settle.js';
import { canonicalSpecifiers, parseSpecifiers } from './specifier.js';
import type { Wanted } from './wanted.js';
import type { Work } from './work.js';

/** What was not pinned by the files, and where that shows. */
interface Unpinned {
  readonly name: string;
  readonly version: string;
  readonly why: string;
  readonly place?: Place;
}

export interface LockSettings {
  readonly inputs: Inputs;
  readonly work: Work;
  /** What is not pinned is an error. */
  readonly strict: boolean;
}

/**
 * Resolves a requirement set: exact files are taken as they are and what their packages still miss is added; others go to
 * the resolver in the builder. All packages are in the store afterwards, since only their metadata shows what is missing.
 */
export async function makeLock({ inputs, work, strict }: LockSettings): Promise<PythonLock> {
  const loose = inputs.requirements.filter((requirement) => !isExact(requirement));
  if (strict && loose.length > 0) throw new Failed(loose.map(looseProblem));
  const { packages, unpinned } = loose.length === 0 ? await fromPins(inputs, work, strict) : await fromResolver(inputs, work);
  if (unpinned.length > 0) warnUnpinned(unpinned, work);
  return { format: 1, packages: [...packages].sort((a, b) => compare(a.locked.name, b.locked.name)).map(({ locked }) => locked) };
}

interface Resolution {
  readonly packages: readonly Obtained[];
  readonly unpinned: readonly Unpinned[];
}

function looseProblem({ name, source, specifiers, place }: Requirement): Problem {
  const what = source.kind === 'vcs' ? 'a full commit' : 'one version';
  return { reason: 'requirements', message: `${name ?? 'a requirement'}${canonicalSpecifiers(specifiers)} does not name ${what}`, place, advice: 'pin it, or leave out strict: true' };
}

async function fromResolver(inputs: Inputs, work: Work): Promise<Resolution> {
  const answer = await resolveInBuilder({ requirements: inputs.requirements, constraints: inputs.constraints }, work);
  const own = new Map(inputs.requirements.map((requirement) => [requirement.name, requirement]));
  const exact = inputs.requirements.filter(isExact);
  const pinned = new Set(exact.map(({ name }) => name));
  const added = answer.filter(({ name }) => name !== undefined && !pinned.has(name)).map((found) => withOwn(found, own.get(found.name)));
  const context = pinContext(inputs, work, (name) => !pinned.has(name));
  expectAll([...exact, ...added], work);
  const packages = await obtainAll(lowestFirst([...exact, ...added], work, (requirement) => resolvePin(requirement, context)), work);
  const unpinned = packages
    .filter(({ locked }) => locked.resolved)
    .map(({ locked: { name, version } }) => ({ name, version, why: 'not pinned', ...placeOf(own.get(name)) }));
  return { packages, unpinned };
}

/** Hashes and build settings that the files give hold for what the resolver chose. */
function withOwn(found: Requirement, own: Requirement | undefined): Requirement {
  if (own === undefined) return found;
  const { configSettings, globalOptions, place } = own;
  return { ...found, configSettings, globalOptions, place, hashes: own.hashes.length > 0 ? own.hashes : found.hashes };
}

function placeOf(requirement: Requirement | undefined): { readonly place?: Place } {
  return requirement === undefined ? {} : { place: requirement.place };
}

async function fromPins(inputs: Inputs, work: Work, strict: boolean): Promise<Resolution> {
  const context = pinContext(inputs, work, () => false);
  expectAll([...inputs.requirements, ...inputs.locked], work);
  const pinned = lowestFirst(inputs.requirements, work, (requirement) => resolvePin(requirement, context));
  const packages = [...(await obtainAll([...pinned, ...lowestFirst(inputs.locked, work, (item) => resolveLocked(item, context))], work))];
  // A lock file is complete by its makers' word, overrides of what metadata says included.
  if (inputs.requirements.length === 0) return { packages, unpinned: [] };
  const unpinned: Unpinned[] = [];
  for (;;) {
    const gaps = gapsOf(packages, inputs, work);
    const missing = gaps.filter(({ kind }) => kind === 'missing');
    const known = new Map(inputs.requirements.map((requirement) => [requirement.name, requirement]));
    if (strict && missing.length > 0) throw new Failed(missing.map((gap) => missingProblem(gap, known)));
    if (missing.length === 0) {
      for (const gap of gaps) warnConflict(gap, known, work);
      return { packages, unpinned };
    }
    const added = await supplement(missing, packages, { inputs, work });
    if (added.length === 0) throw new Failed(missing.map((gap) => missingProblem(gap, known)));
    packages.push(...added);
    for (const { locked } of added) {
      const needed = missing.find(({ name }) => name === locked.name)?.neededBy;
      const why = needed === undefined ? 'missing' : `missing, needed by ${needed}`;
      unpinned.push({ name: locked.name, version: locked.version, why, ...placeOf(known.get(needed?.split(' ')[0])) });
    }
  }
}

/** What a URL or a folder holds shows its name only later. */
function expectAll(wanted: readonly { readonly name?: string }[], { installing }: Work): void {
  const names = wanted.flatMap(({ name }) => name ?? []);
  if (names.length === wanted.length) installing.expect(names);
}

/** Begun with those of the lowest groups of layers, which are installed first; given in the order of the items. */
function lowestFirst<Item extends { readonly name?: string }>(items: readonly Item[], { rank }: Work, begin: (item: Item) => Promise<Wanted>): readonly Promise<Wanted>[] {
  const ranked = items.map((item, index) => ({ item, index, rank: item.name === undefined ? 0 : rank(item.name, false) }));
  const begun: Promise<Wanted>[] = [];
  for (const { item, index } of ranked.sort((one, other) => one.rank - other.rank)) begun[index] = begin(item);
  return begun;
}

/** Every package is tried before a failure is told. */
async function obtainAll(wanted: readonly Promise<Wanted>[], work: Work): Promise<readonly Obtained[]> {
  return settleAll(wanted.map(async (one) => obtain(await one, work)));
}

function pinContext(inputs: Inputs, work: Work, isResolved: PinContext['isResolved']): PinContext {
  const { context, options, credentials } = work;
  const index = createIndexClient({ http: context.http, root: context.root, options, fallback: work.interpreter.facts.index, credentials, signal: context.signal });
  return { work, index, contents: inputs.contents, isResolved };
}

function gapsOf(packages: readonly Obtained[], inputs: Inputs, work: Work): readonly Gap[] {
  const extras = new Map([...inputs.requirements, ...inputs.locked].map((item) => [item.name, item.extras]));
  const pinned = packages.map(({ locked, wheel }) => {
    const metadata = parseMetadata(wheel.metadata) as Metadata;
    const { requiresDist, requiresPython } = metadata;
    const direct = locked.origin.kind !== 'archive' || locked.origin.direct;
    return { name: wheel.name, version: wheel.version, extras: extras.get(wheel.name) ?? [], requiresDist, direct, ...(requiresPython === undefined ? {} : { requiresPython }) };
  });
  return findGaps(pinned, work.interpreter.facts.markers);
}

interface Supplementing {
  readonly inputs: Inputs;
  readonly work: Work;
}

/** What a supplement was resolved to; kept, so that the next change of a pin needs no network for it. */
interface SupplementRecord {
  readonly format: 1;
  readonly packages: readonly { readonly name: string; readonly version: string; readonly hashes: readonly string[] }[];
}

/** Resolves missing packages with all pins as constraints. The same missing set gives the same packages again. */
async function supplement(missing: readonly Gap[], packages: readonly Obtained[], { inputs, work }: Supplementing): Promise<readonly Obtained[]> {
  const { store } = work.context;
  const key = supplementKey(missing, inputs, work);
  const stored = (await store.getRecord('pins', key)) as SupplementRecord | undefined;
  const place = needingPlace(missing, inputs);
  const record = stored ?? (await askSupplement(missing, packages, { work, place }));
  const have = new Set(packages.map(({ locked }) => locked.name));
  const context = pinContext(inputs, work, () => true);
  const wanted = record.packages.filter(({ name }) => !have.has(name)).map((pin) => resolvePin(pinOf(pin, place), context));
  if (wanted.length > 0) work.installing.expect([...packages.map(({ wheel }) => wheel.name), ...record.packages.map(({ name }) => name)]);
  const added = await obtainAll(wanted, work);
  if (stored === undefined) await store.putRecord('pins', key, record as unknown as Data);
  return added;
}

function supplementKey(missing: readonly Gap[], inputs: Inputs, work: Work): string {
  return hashRecord<string>({
    format: 1,
    kind: 'python-supplement',
    missing: [...new Set(missing.map(requirementText))].sort(compare),
    python: work.interpreter.record,
    tags: work.interpreter.tagsDigest,
    options: semanticForm({ requirements: [], constraints: [], options: inputs.options }).options,
  });
}

function requirementText({ name, extras, specifier }: Gap): string {
  return `${name}${extras.length === 0 ? '' : `[${extras.join(',')}]`}${specifier}`;
}


/** Where the files name what needs something that they lack. */
function needingPlace(missing: readonly Gap[], { requirements }: Inputs): Place {
  const needing = new Set(missing.map(({ neededBy }) => neededBy.split(' ')[0]));
  return ((requirements.find(({ name }) => name !== undefined && needing.has(name)) ?? requirements[0]) as Requirement).place;
}

async function askSupplement(missing: readonly Gap[], packages: readonly Obtained[], { work, place }: { readonly work: Work; readonly place: Place }): Promise<SupplementRecord> {
  const requirements = missing.map(({ name, extras, specifier }) => ({ ...plain(name, place), extras, specifiers: parseSpecifiers(specifier) ?? [] }));
  const constraints = packages.map(({ locked }) => ({ ...plain(locked.name, place), specifiers: parseSpecifiers(`==${locked.version}`) ?? [] }));
  const answer = await resolveInBuilder({ requirements, constraints }, work);
  const have = new Set(packages.map(({ locked }) => locked.name));
  const added = answer.flatMap(({ name, specifiers, hashes }) => {
    const version = specifiers.find(({ operator }) => operator === '==')?.version;
    return name === undefined || version === undefined || have.has(name) ? [] : [{ name, version, hashes }];
  });
  return { format: 1, packages: added };
}

function pinOf({ name, version, hashes }: SupplementRecord['packages'][number], place: Place): Requirement {
  return { ...plain(name, place), specifiers: parseSpecifiers(`==${version}`) ?? [], hashes };
}

function plain(name: string, place: Place): Requirement {
  return { name, extras: [], specifiers: [], source: { kind: 'index' }, hashes: [], editable: false, configSettings: [], globalOptions: [], place };
}

function missingProblem(gap: Gap, known: ReadonlyMap<string | undefined, Requirement>): Problem {
  const needing = known.get(gap.neededBy.split(' ')[0]);
  return {
    reason: 'requirements',
    message: `${requirementText(gap)} is needed by ${gap.neededBy} and not pinned`,
    ...placeOf(needing),
    advice: `add ${gap.name} to the requirement files`,
  };
}

/** pip would refuse; the files may mean it (overrides), so it is said and done. */
function warnConflict(gap: Gap, known: ReadonlyMap<string | undefined, Requirement>, work: Work): void {
  const message = `${gap.neededBy} needs ${gap.kind === 'python' ? `Python ${gap.specifier}` : requirementText(gap)}, and the ${gap.kind === 'python' ? 'builder has' : 'pin is'} ${gap.found ?? 'unknown'}`;
  work.context.emit({ type: 'warning', problem: { reason: 'requirements', message, ...placeOf(known.get(gap.name)), advice: 'change one of the two pins' } });
}

function warnUnpinned(unpinned: readonly Unpinned[], work: Work): void {
  const names = [...unpinned].sort((a, b) => compare(a.name, b.name));
  const place = names.find((item) => item.place !== undefined)?.place;
  const list = names.map(({ name, version, why }) => `${name} ${version} (${why})`).join(', ');
  const message = `the files of ${work.artifact} do not pin everything; chosen and kept in the stored lock: ${list}`;
  work.context.emit({ type: 'warning', problem: { reason: 'requirements', message, ...(place === undefined ? {} : { place }), advice: 'pin them, or set strict: true to make this an error' } });
}
