import { posix } from 'node:path';
import { parseDependency, parseExtrasText } from './dependency.js';
import type { Marker } from './marker.js';
import { parseMarker } from './marker.js';
import type { Requirement, RequirementSource } from './requirement.js';
import { isOutside, pathOfFileUrl, sourcePath } from './source-path.js';
import type { Fragment } from './source-url.js';
import { parseHash, sourceUrlOf, splitFragment } from './source-url.js';
import { SyntaxFault } from './syntax.js';
import { isArchiveName, parseWheelName } from './wheel-name.js';

/** What the text of a requirement itself says: a Requirement without its options and its place. */
export type RequirementSpec = Pick<Requirement, 'name' | 'extras' | 'specifiers' | 'source' | 'marker' | 'hashes'>;

export interface SpecText {
  readonly text: string;
  /** The part of the text with `${NAME}` instead of the values of variables. */
  shown(start: number, end: number): string;
}

export interface SpecOptions {
  /** Absolute path of the project's root, which relative paths start from. */
  readonly root: string;
  readonly allowOutside: boolean;
}

const URL = /^(?:https?|ftp|file|(?:git|hg|svn|bzr)\+[a-z-]+):/i;
const VCS = /^(git|hg|svn|bzr)\+([a-z-]+:.*)$/is;
/** After the check for URLs: `git+git@host:path`. */
const SCHEMELESS_VCS = /^(?:git|hg|svn|bzr)\+/i;
/** Also with extras that are not closed, which then get their own message. */
const NAMED_URL = /^[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^@/]*)?@/;
const NAME_AND_VERSION = /^[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*(?:[=!~<>]=|[<>(])/;

/**
 * Reads the text of a requirement as pip does: a URL, a path, `name @ URL` or a dependency specifier, and a marker. What
 * lies on disk is not asked: a text with a slash, a leading dot or an archive's extension is a path. Throws SyntaxFault.
 */
export function parseRequirementText(input: SpecText, options: SpecOptions): RequirementSpec {
  // A URL may hold semicolons: its marker has white space before or after the one in front of it.
  const separator = (URL.test(input.text) ? /\s+;|; / : /;/).exec(input.text);
  const head = { text: input.text.slice(0, separator?.index).trimEnd(), shown: input.shown };
  const marker = separator === null ? undefined : markerAt(input.text, separator.index + separator[0].length);
  return { ...parseHead(head, options), ...(marker === undefined ? {} : { marker }) };
}

/** Reads the value of `-e`: a folder, a `file:` URL or a version control URL that tells its name. Throws SyntaxFault. */
export function parseEditableText(input: SpecText, options: SpecOptions): RequirementSpec {
  const legacy = /^(git|hg|svn|bzr):/i.exec(input.text);
  if (legacy !== null) return named(fromUrl(input, { text: `${legacy[1] as string}+${input.text}`, start: 0 }, options));
  if (NAMED_URL.test(input.text)) return fromNamedUrl(input, options);
  if (VCS.test(input.text)) return named(fromUrl(input, { text: input.text, start: 0 }, options));
  if (/^(?:https?|ftp):/i.test(input.text)) throw new SyntaxFault('an editable requirement is a folder or a version control URL (git+https://…)', 0);
  if (SCHEMELESS_VCS.test(input.text)) throw schemeless();
  return asDirectory(/^file:/i.test(input.text) ? fromUrl(input, { text: input.text, start: 0 }, options) : fromPath(input.text, options));
}

function parseHead(head: SpecText, options: SpecOptions): RequirementSpec {
  const { text } = head;
  if (URL.test(text)) return fromUrl(head, { text, start: 0 }, options);
  if (NAMED_URL.test(text)) return fromNamedUrl(head, options);
  if (SCHEMELESS_VCS.test(text)) throw schemeless();
  if (looksLikePath(text)) return fromPath(text, options);
  const { name, extras, specifiers } = explain(text, () => parseDependency(text));
  return { name, extras, specifiers, source: { kind: 'index' }, hashes: [] };
}

function looksLikePath(text: string): boolean {
  const bare = text.replace(/\[[^\]]+\]$/, '');
  return (text.includes('/') || text.startsWith('.') || isArchiveName(bare)) && !NAME_AND_VERSION.test(text);
}

/** The commonest mistake gets a message of its own. */
function explain<T>(text: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const single = /^[A-Za-z0-9._-]+(?:\[[^\]]*\])?\s*(=)[^=]/.exec(text);
    if (single !== null && error instanceof SyntaxFault) throw new SyntaxFault('"=" compares no versions: write "=="', single[0].length - 2);
    throw error;
  }
}

function markerAt(text: string, start: number): Marker | undefined {
  const body = text.slice(start);
  if (body.trim() === '') return undefined;
  try {
    return parseMarker(body);
  } catch (error) {
    throw error instanceof SyntaxFault ? new SyntaxFault(error.message, start + error.offset) : error;
  }
}

function fromNamedUrl(head: SpecText, options: SpecOptions): RequirementSpec {
  const { name, extras, url = '', urlOffset: start = 0 } = parseDependency(head.text);
  const isPath = !URL.test(url) && (url.startsWith('.') || url.startsWith('/'));
  if (!isPath && !URL.test(url)) throw new SyntaxFault(`${head.shown(start, start + url.length)} is not a URL that packages are taken from`, start);
  const spec = isPath ? fromPath(url, options, start) : fromUrl(head, { text: url, start }, options);
  if (spec.name !== undefined && spec.name !== name) throw new SyntaxFault(`${name} is taken from a URL that says it holds ${spec.name}`, start);
  return { ...spec, name, extras };
}

interface UrlPart {
  readonly text: string;
  /** Offset in the whole text. */
  readonly start: number;
}

function fromUrl(head: SpecText, url: UrlPart, options: SpecOptions): RequirementSpec {
  const { base, fragment } = splitFragment(url.text);
  const shown = splitFragment(head.shown(url.start, head.text.length)).base;
  const naming = nameIn(fragment, base, url.start);
  const hashes = fragment.hashes.map((hash) => parseHash(hash) ?? fault('the hash in the URL is not a hex digest of the right length', url.start)).sort();
  const common = { ...naming, specifiers: [], hashes };
  const subdirectory = fragment.subdirectory === undefined ? {} : { subdirectory: safeSubdirectory(fragment.subdirectory, url.start) };
  const vcs = VCS.exec(base);
  if (vcs !== null) return { ...common, source: { ...vcsSource(vcs, shown, url.start), ...subdirectory } };
  if (/^file:/i.test(base)) {
    const path = pathOfFileUrl(base) ?? fault('a file URL must name a file of this machine', url.start);
    const local = fromPath(path, options, url.start);
    return { ...local, ...(naming.name === undefined ? {} : naming), hashes, source: { ...local.source, ...subdirectory } as RequirementSource };
  }
  return { ...common, source: { kind: 'url', url: sourceUrlOf(base, shown), ...subdirectory } };
}

function vcsSource(match: RegExpExecArray, shown: string, offset: number): Extract<RequirementSource, { kind: 'vcs' }> {
  const { address, revision } = splitRevision(match[2] as string);
  if (revision === '') throw new SyntaxFault('the URL ends in "@" without a revision', offset);
  const template = splitRevision(shown.replace(/^(?:git|hg|svn|bzr)\+/i, '')).address;
  return {
    kind: 'vcs',
    vcs: (match[1] as string).toLowerCase() as 'git' | 'hg' | 'svn' | 'bzr',
    url: sourceUrlOf(address, template),
    ...(revision === undefined ? {} : { revision }),
  };
}

/** The revision follows the last `@` of the path, not one of the host part. */
function splitRevision(url: string): { readonly address: string; readonly revision?: string } {
  const pathStart = /^[a-z-]+:\/\/[^/]*/i.exec(url)?.[0].length ?? 0;
  const at = url.lastIndexOf('@');
  return at < pathStart ? { address: url } : { address: url.slice(0, at), revision: url.slice(at + 1) };
}

function nameIn(fragment: Fragment, base: string, offset: number): Pick<RequirementSpec, 'name' | 'extras'> {
  const wheel = parseWheelName(lastSegment(base));
  if (wheel !== undefined) return { name: wheel.name, extras: [] };
  if (fragment.egg === undefined) return { extras: [] };
  try {
    const { name, extras } = parseDependency(fragment.egg);
    return { name, extras };
  } catch {
    return fault('#egg= does not hold the name of a package', offset);
  }
}

function lastSegment(url: string): string {
  return decoded((url.split('?')[0] as string).replace(/\/+$/, '').split('/').at(-1) as string);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function fromPath(text: string, { root, allowOutside }: SpecOptions, offset = 0): RequirementSpec {
  const [, bare, extrasText] = /^(.+?)(\[[^\]]+\])?$/s.exec(text) ?? [];
  if (bare === undefined) throw new SyntaxFault('expected a path', offset);
  const path = sourcePath(bare, root);
  if (isOutside(path) && !allowOutside) throw new SyntaxFault('the path leads out of the project', offset);
  const extras = extrasText === undefined ? [] : parseExtrasText(extrasText);
  const name = parseWheelName(posix.basename(path))?.name;
  const form = isArchiveName(path) ? 'archive' : 'directory';
  return { ...(name === undefined ? {} : { name }), extras, specifiers: [], source: { kind: 'path', path, form }, hashes: [] };
}

function schemeless(): SyntaxFault {
  return new SyntaxFault('a version control URL needs a scheme, as in git+ssh://git@host/path', 0);
}

function named(spec: RequirementSpec): RequirementSpec {
  if (spec.name === undefined) throw new SyntaxFault('the URL does not tell the name of its package: add #egg=NAME', 0);
  return spec;
}

function asDirectory(spec: RequirementSpec): RequirementSpec {
  return spec.source.kind === 'path' ? { ...spec, source: { ...spec.source, form: 'directory' } } : spec;
}

function safeSubdirectory(text: string, offset: number): string {
  const path = posix.normalize(decoded(text)).replace(/\/$/, '');
  if (isOutside(path)) throw new SyntaxFault('the subdirectory leads out of the source tree', offset);
  return path;
}

function fault(message: string, offset: number): never {
  throw new SyntaxFault(message, offset);
}
