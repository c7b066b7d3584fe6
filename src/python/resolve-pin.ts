import { resolve } from 'node:path';
import type { Problem } from '../core/failure.js';
import { fail, Failed } from '../core/failure.js';
import { hashRecord } from '../core/record.js';
import type { Data } from '../core/record.js';
import { chooseFile } from './choose-file.js';
import { offline, placed } from './fetch-archive.js';
import type { IndexClient } from './index-client.js';
import { shownPath } from './index-client.js';
import type { FileLocation } from './index-file.js';
import type { LocalContent } from './local-content.js';
import type { Requirement } from './requirement.js';
import { semanticForm } from './semantic.js';
import { sourceUrl } from './source-url.js';
import { canonicalSpecifiers, pinnedVersion } from './specifier.js';
import type { Wanted } from './wanted.js';
import { parseWheelName } from './wheel-name.js';
import type { Work } from './work.js';

export interface PinContext {
  readonly work: Work;
  readonly index: IndexClient;
  /** By the path of a requirement. */
  readonly contents: ReadonlyMap<string, LocalContent>;
  /** True for names that the files do not pin. */
  readonly isResolved: (name: string) => boolean;
}

/** The file, commit or folder of an exact requirement. What a pin led to on the indexes is remembered in the store. */
export async function resolvePin(requirement: Requirement, context: PinContext): Promise<Wanted> {
  const { source, name, hashes, configSettings, globalOptions, place } = requirement;
  const resolved = name !== undefined && context.isResolved(name);
  const common = { ...(name === undefined ? {} : { name }), hashes, configSettings, globalOptions, resolved, place };
  const part = 'subdirectory' in source && source.subdirectory !== undefined ? { subdirectory: source.subdirectory } : {};
  switch (source.kind) {
    case 'index':
      return indexed({ ...requirement, name: name as string }, context, common);
    case 'url': {
      const filename = decodeURIComponent(new URL(source.url.shown).pathname.split('/').pop() ?? '');
      const format = filename.endsWith('.whl') ? 'wheel' : 'sdist';
      checkWheel(filename, { format, context, place });
      return { ...common, source: { kind: 'archive', format, filename, location: { kind: 'url', url: source.url }, direct: true, ...part } };
    }
    case 'vcs':
      if (source.vcs !== 'git') return fail({ reason: 'unsupported', message: `${name ?? source.url.shown} is taken from ${source.vcs}; only git is supported`, place });
      return { ...common, source: { kind: 'git', url: source.url, commit: source.revision as string, revision: source.revision as string, ...part } };
    case 'path':
      return local(source.path, { common, context, part });
  }
}

type Common = Omit<Wanted, 'source'>;

function local(path: string, { common, context, part }: { readonly common: Common; readonly context: PinContext; readonly part: { readonly subdirectory?: string } }): Wanted {
  const content = context.contents.get(path);
  if (content === undefined) throw new Error(`the content of ${path} was not read`);
  if (content.kind === 'tree') return { ...common, source: { kind: 'tree', path, content: content.hash, ...part } };
  const { root } = context.work.context;
  const absolute = resolve(root, path);
  const filename = absolute.slice(absolute.lastIndexOf('/') + 1);
  const format = filename.endsWith('.whl') ? 'wheel' : 'sdist';
  checkWheel(filename, { format, context, place: common.place });
  const hashes = common.hashes.length === 0 ? [`sha256:${content.hash}`] : common.hashes;
  return { ...common, hashes, source: { kind: 'archive', format, filename, location: { kind: 'path', path: absolute, shown: shownPath(absolute, root) }, direct: true, ...part } };
}

interface Checking {
  readonly format: 'wheel' | 'sdist';
  readonly context: PinContext;
  readonly place: Wanted['place'];
}

function checkWheel(filename: string, { format, context, place }: Checking): void {
  const at = place === undefined ? {} : { place };
  if (filename === '') fail({ reason: 'requirements', message: 'the URL names no file', ...at });
  if (format !== 'wheel') return;
  const wheel = parseWheelName(filename);
  const { tags, pythonVersion } = context.work.interpreter;
  if (wheel === undefined) return fail({ reason: 'requirements', message: `${filename} is not the name of a wheel`, ...at });
  if (!wheel.tags.some((tag) => tags.has(tag))) fail({ reason: 'unsupported', message: `${filename} is not for the builder's interpreter (Python ${pythonVersion})`, ...at });
}

/** What is kept of a choice; `hashes` are what the file must have. */
interface PinRecord {
  readonly format: 1;
  readonly filename: string;
  readonly kind: 'wheel' | 'sdist';
  readonly version: string;
  readonly location: { readonly url: string } | { readonly path: string };
  readonly hashes: readonly string[];
}

async function indexed(requirement: Requirement & { readonly name: string }, context: PinContext, common: Common): Promise<Wanted> {
  const { work } = context;
  const key = pinKey(requirement, work);
  const record = ((await work.context.store.getRecord('pins', key)) as PinRecord | undefined) ?? (await choose(requirement, context, key));
  const location = locate(record.location, work.context.root);
  return {
    ...common,
    name: requirement.name,
    version: record.version,
    hashes: record.hashes,
    source: { kind: 'archive', format: record.kind, filename: record.filename, location, direct: false },
  };
}

export function locate(location: PinRecord['location'], root: string): FileLocation {
  if ('url' in location) return { kind: 'url', url: sourceUrl(location.url) };
  return { kind: 'path', path: resolve(root, location.path), shown: location.path };
}

/** The pin, what the interpreter takes, and where was looked: names and comments of the files do not count. */
function pinKey({ name, specifiers, hashes }: Requirement & { readonly name: string }, work: Work): string {
  return hashRecord<string>({
    format: 1,
    kind: 'python-pin',
    name,
    specifiers: canonicalSpecifiers(specifiers),
    hashes,
    tags: work.interpreter.tagsDigest,
    python: work.interpreter.pythonVersion,
    options: semanticForm({ requirements: [], constraints: [], options: { ...work.options, requireHashes: false } }).options,
  });
}

async function choose(requirement: Requirement & { readonly name: string }, { work, index }: PinContext, key: string): Promise<PinRecord> {
  const { name, specifiers, hashes, place } = requirement;
  work.installing.prepare();
  const listed = (pinned: readonly string[]) => index(name, pinned).catch((error: unknown) => {
    const version = pinnedVersion(specifiers);
    if (error instanceof Failed && error.has('offline')) {
      return offline({ name, ...(version === undefined ? {} : { version }), hashes, configSettings: [], globalOptions: [], resolved: false, place, source: { kind: 'tree', path: name, content: '' } });
    }
    throw placed(error, { place });
  });
  const among = async (pinned: readonly string[]) => chooseFile(await listed(pinned), { name, specifiers, hashes }, { target: work.interpreter, policy: work.options });
  let choice = await among(hashes);
  // What there is instead can only be told by the whole page.
  if (!('file' in choice)) choice = await among([]);
  if (!('file' in choice)) throw new Failed(unresolved(requirement, choice));
  const { file, format, version } = choice;
  const known = file.hashes.filter((hash) => hash.startsWith('sha256:'));
  const record: PinRecord = {
    format: 1,
    filename: file.filename,
    kind: format,
    version,
    location: file.location.kind === 'url' ? { url: file.location.url.shown } : { path: file.location.shown },
    // What the index says of the file is one of the pinned hashes, and narrower; without it any pinned hash will do.
    hashes: known.length > 0 && (hashes.length === 0 || known.some((hash) => hashes.includes(hash))) ? known : hashes.length > 0 ? hashes : file.hashes,
  };
  // A file of this machine may change, and an address with a secret in it can't be kept.
  const keepable = file.location.kind === 'url' && file.location.url.shown === file.location.url.url;
  if (keepable) await work.context.store.putRecord('pins', key, record as unknown as Data);
  return file.location.kind === 'url' ? { ...record, location: { url: file.location.url.url } } : record;
}

type Refusal = Exclude<ReturnType<typeof chooseFile>, { file: unknown }>;

function unresolved({ name, specifiers, hashes, place }: Requirement & { readonly name: string }, { reason, why, available }: Refusal): Problem {
  const advice = {
    'not-found': 'correct the pin, or name the index that has it',
    integrity: 'correct the pin if it is wrong; if it is right, do not use these files',
    unsupported: 'use a version or a builder for which there is a file',
  }[reason];
  const expected = reason === 'integrity' ? hashes.map((hash) => `expected ${hash}`) : [];
  const detail = [...expected, ...available.slice(0, 12).map((item) => `${reason === 'integrity' ? 'found   ' : 'available:'} ${item}`)];
  return { reason, message: `${name}${canonicalSpecifiers(specifiers)} cannot be installed: ${why}`, place, advice, ...(detail.length === 0 ? {} : { detail }) };
}
