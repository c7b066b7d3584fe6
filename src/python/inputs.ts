import { access, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Context } from '../artifact/kind.js';
import type { PythonSpec } from '../config/project.js';
import { fail } from '../core/failure.js';
import type { Problem } from '../core/failure.js';
import type { Place, Placed } from '../core/place.js';
import type { Data } from '../core/record.js';
import { hashRecord } from '../core/record.js';
import type { Interpreter } from './interpreter.js';
import type { LocalContent } from './local-content.js';
import { localContent } from './local-content.js';
import { lockFormat, readLock } from './locks/read-lock.js';
import type { LockedPackage } from './locks/locked-package.js';
import { activeRequirements } from './merge.js';
import type { IndexOptions, Requirement, RequirementInput, SourceUrl } from './requirement.js';
import { readRequirements } from './requirements-file.js';
import { semanticForm } from './semantic.js';
import { settleAll } from './settle.js';
import { sourceUrl, withoutCredentials } from './source-url.js';

/** Everything that a requirement set's files and settings say for one interpreter. */
export interface Inputs {
  /** Of requirement files: those that hold here, one per name. */
  readonly requirements: readonly Requirement[];
  readonly constraints: readonly Requirement[];
  /** Of lock files: the packages they select, without the project itself. */
  readonly locked: readonly LockedPackage[];
  readonly options: IndexOptions;
  /** What paths of requirements hold now. */
  readonly contents: ReadonlyMap<string, LocalContent>;
  readonly warnings: readonly Problem[];
  /** The meaning of all that, as data for keys. */
  readonly record: { readonly [field: string]: Data };
}

/** `files`: as `readFiles`. */
export async function readInputs(spec: PythonSpec, context: Context, { interpreter, files }: { readonly interpreter: Interpreter; readonly files: typeof readFiles }): Promise<Inputs> {
  const locks = spec.requirements.filter(({ value }) => lockFormat(value) !== undefined);
  const [input, ...lists] = await Promise.all([files(spec, context), ...locks.map((file) => lockedPackages(file, { spec, context, interpreter }))]);
  const locked = lists.flat();
  const options = withSettings(input.options, spec, context.env);
  const requirements = activeRequirements(input, interpreter.facts.markers);
  const contents = await localContents([...requirements, ...locked], context.root);
  const { requirements: lines, constraints, options: shown } = semanticForm({ ...input, requirements: input.requirements.map(foldHashes), constraints: input.constraints.map(foldHashes), options });
  return {
    requirements,
    constraints: input.constraints,
    locked,
    options,
    contents,
    warnings: input.warnings ?? [],
    record: {
      requirements: { ...joined(lines), ...lockLines(locked) },
      ...(Object.keys(constraints).length === 0 ? {} : { constraints: joined(constraints) }),
      ...(Object.keys(shown).length === 0 ? {} : { options: shown }),
      ...(contents.size === 0 ? {} : { local: Object.fromEntries([...contents].map(([path, { hash }]) => [path, hash])) }),
    },
  };
}

/** A set's requirement files, which are no locks, and all that they include. */
export async function readFiles({ requirements }: PythonSpec, context: Pick<Context, 'root' | 'env'>): Promise<RequirementInput> {
  const files = requirements.filter(({ value }) => lockFormat(value) === undefined);
  const read = (path: string): Promise<Buffer | undefined> => readFile(resolve(context.root, path)).catch((error: NodeJS.ErrnoException) => unreadable(error, path));
  const exists = (path: string): Promise<boolean> => access(resolve(context.root, path)).then(() => true, () => false);
  return readRequirements(files, { root: context.root, read, exists, env: context.env });
}

/** A file that may not be read is there: saying that it is not would send people looking for it. */
function unreadable(error: NodeJS.ErrnoException, path: string): undefined {
  if (error.code !== 'EACCES' && error.code !== 'EPERM') return undefined;
  return fail({ reason: 'requirements', message: `there is no permission to read ${path}`, place: { file: path, line: 1, column: 1 }, advice: 'give it (chmod, chown), or run as its owner' });
}

interface Selecting {
  readonly spec: PythonSpec;
  readonly context: Context;
  readonly interpreter: Interpreter;
}

async function lockedPackages({ value, place }: Placed<string>, { spec, context, interpreter }: Selecting): Promise<readonly LockedPackage[]> {
  const text = await readFile(resolve(context.root, value), 'utf8').catch(() => fail({ reason: 'requirements', message: `there is no file ${value}`, place, advice: 'check the path: it is relative to the folder of the project file' }));
  const readBeside = (name: string): Promise<string | undefined> => readFile(resolve(context.root, dirname(value), name), 'utf8').catch(() => undefined);
  const packages = await readLock({ path: value, text }, { root: context.root, variables: interpreter.facts.markers, extras: spec.extras, groups: spec.groups, readBeside });
  // The project itself is what images copy; its libraries in other folders are packages like any other.
  return packages.filter(({ member, source }) => !(member && source.kind === 'path' && source.path === dirname(value)));
}

/** Settings of the project file hold where the files name no index themselves. */
function withSettings(options: IndexOptions, spec: PythonSpec, env: Context['env']): IndexOptions {
  const index = spec.index === undefined || options.noIndex ? undefined : filled(spec.index, env, spec.place);
  const isUrl = (link: string): boolean => /^https?:/i.test(link);
  return {
    ...options,
    ...(options.indexUrl === undefined && index !== undefined ? { indexUrl: index } : {}),
    extraIndexUrls: options.extraIndexUrls.length > 0 || options.noIndex ? options.extraIndexUrls : spec.extraIndex.map((url) => filled(url, env, spec.place)),
    findLinks: [...options.findLinks, ...spec.findLinks.map((link) => (isUrl(link) ? { url: filled(link, env, spec.place) } : { path: link }))],
  };
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

function filled(template: string, env: Context['env'], place: Place): SourceUrl {
  const url = template.replace(VARIABLE, (_, name: string) => {
    const value = env[name];
    if (value !== undefined) return value;
    return fail({ reason: 'config', message: `variable ${name} is not set or not allowed here`, place, advice: `set ${name} and name it under env: of the artifact` });
  });
  return { ...sourceUrl(url), shown: withoutCredentials(template) };
}

/** Many hashes of one pin are one short word, so that records stay small and a difference is readable. */
function foldHashes(requirement: Requirement): Requirement {
  if (requirement.hashes.length === 0) return requirement;
  return { ...requirement, hashes: [shortDigest(requirement.hashes)] };
}

function shortDigest(hashes: readonly string[]): string {
  return hashRecord<string>(hashes).slice(0, 16);
}

function joined(lines: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(lines).map(([name, texts]) => [name, texts.join(' | ')]));
}

function lockLines(packages: readonly LockedPackage[]): Record<string, string> {
  return Object.fromEntries(packages.map((item) => [item.name, lockLine(item)]));
}

function lockLine({ name, version, source }: LockedPackage): string {
  const title = version === undefined ? name : `${name}==${version}`;
  switch (source.kind) {
    case 'index':
      return `${title} --hash=${shortDigest(source.files.flatMap(({ hashes }) => hashes))}`;
    case 'git':
      return `${title} @ git+${source.url.shown}@${source.commit}`;
    case 'url':
      return `${title} @ ${source.file.url?.shown ?? source.file.filename} --hash=${shortDigest(source.file.hashes)}`;
    case 'path':
      return `${title} @ ${source.path}`;
  }
}

async function localContents(items: readonly (Requirement | LockedPackage)[], root: string): Promise<ReadonlyMap<string, LocalContent>> {
  const places = new Map(items.flatMap(({ source, place }) => (source.kind === 'path' ? [[source.path, place] as const] : [])));
  const read = [...places].map(async ([path, place]) => [path, await localContent(path, { root, place })] as const);
  return new Map(await settleAll(read));
}
