import { fileURLToPath } from 'node:url';
import { fail } from '../core/failure.js';
import type { IndexFile } from './index-file.js';
import { parseHash, sourceUrl } from './source-url.js';

/** What to ask an index for; the JSON form is preferred (PEP 691). */
export const SIMPLE_ACCEPT = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

export interface SimplePage {
  readonly body: Buffer;
  readonly contentType: string;
  /** Where the page was found after redirects: links are relative to it. */
  readonly url: string;
  /** For messages: `index page of flask`. */
  readonly subject: string;
  readonly rank: number;
  /** `sha256:<hex>` … of a pin: files for which the page gives hashes of these kinds and none of these are left out. */
  readonly pinned?: readonly string[];
}

/** The files of a project page in JSON (PEP 691) or HTML (PEP 503, 592, 658). Anything else is Failed (`registry`). */
export function parseSimplePage(page: SimplePage): readonly IndexFile[] {
  return /\bjson\b/.test(page.contentType) ? parseJson(page) : parseHtml(page);
}

function parseJson(page: SimplePage): readonly IndexFile[] {
  const files = member(jsonOf(page), 'files');
  if (!Array.isArray(files)) garbage(page, 'has no list of files');
  const excluded = contradicts(page.pinned);
  return files.flatMap((file: unknown) => {
    const [filename, url] = [member(file, 'filename'), member(file, 'url')];
    if (typeof filename !== 'string' || typeof url !== 'string') return [];
    const hashes = Object.entries(member(file, 'hashes') ?? {}).flatMap(([algorithm, hex]) => parseHash(`${algorithm}:${String(hex)}`) ?? []);
    if (excluded(hashes)) return [];
    const requiresPython = member(file, 'requires-python');
    const yanked = member(file, 'yanked');
    return indexFile(page, {
      filename,
      href: url,
      hashes,
      ...(typeof requiresPython === 'string' ? { requiresPython } : {}),
      yanked: yanked !== undefined && yanked !== false,
    });
  });
}

function jsonOf(page: SimplePage): unknown {
  try {
    return JSON.parse(page.body.toString('utf8'));
  } catch {
    return garbage(page, 'is not JSON');
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

const ANCHOR = /<a\s([^>]*(?:"[^"]*"[^>]*|'[^']*'[^>]*)*)>([^<]*)<\/a\s*>/gi;
const BASE = /<base\s([^>]*)>/i;
const ATTRIBUTE = /([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;

function parseHtml(page: SimplePage): readonly IndexFile[] {
  const html = page.body.toString('utf8');
  if (!/<(?:!doctype|html|body|a)\b/i.test(html)) garbage(page, 'is neither HTML nor JSON');
  const base = attributes(BASE.exec(html)?.[1] ?? '').get('href');
  const at = base === undefined ? page : { ...page, url: new URL(base, page.url).href };
  const excluded = contradicts(page.pinned);
  const files: IndexFile[] = [];
  for (const [, written, label] of pinnedAnchors(html, page.pinned) ?? html.matchAll(ANCHOR)) {
    const fragment = FRAGMENT.exec(written as string);
    if (fragment === null || !excluded([`${fragment[1] as string}:${(fragment[2] as string).toLowerCase()}`])) files.push(...anchored(at, { written: written as string, label: label as string }));
  }
  return files.filter(({ hashes }) => !excluded(hashes));
}

/**
 * The anchors without those that surely have another hash than the pinned ones: a page of thousands of files (some have megabytes) is not taken apart for one.
 * Undefined where that can't be told from how it is written, or the pins are of several kinds.
 */
function pinnedAnchors(html: string, pinned: readonly string[] = []): readonly RegExpMatchArray[] | undefined {
  const kinds = new Set(pinned.map((hash) => hash.slice(0, hash.indexOf(':') + 1)));
  const [kind] = kinds;
  if (kind === undefined || kinds.size > 1 || html.includes('<A')) return undefined;
  const mark = `#${kind.replace(':', '=')}`;
  const known = new Set(pinned.map((hash) => hash.slice(kind.length, kind.length + DIGITS)));
  const found: RegExpMatchArray[] = [];
  let at = html.indexOf(mark);
  for (let start = html.indexOf('<a'), next; start >= 0; start = next) {
    next = html.indexOf('<a', start + 2);
    const end = next < 0 ? html.length : next;
    if (at >= 0 && at < start) at = html.indexOf(mark, start);
    const digits = at < 0 || at >= end || !isOfLink(html, at, { start, end }) ? '' : html.slice(at + mark.length, at + mark.length + DIGITS).toLowerCase();
    if (HEX.test(digits) && !known.has(digits)) continue;
    const anchors = [...html.slice(start, end).matchAll(ANCHOR)];
    // `<abbr>` is none.
    if (anchors.length !== 1 && /^<a\s/.test(html.slice(start, start + 3))) return undefined;
    found.push(...anchors);
  }
  return found;
}

/** Whether a number sign is the link's: with another one it may be that of something else. */
function isOfLink(html: string, sign: number, { start, end }: { readonly start: number; readonly end: number }): boolean {
  const other = html.indexOf('#', sign + 1);
  const link = html.lastIndexOf('href=', sign);
  return html.indexOf('#', start) === sign && (other < 0 || other >= end) && link > start && LINK.test(html.slice(link, sign));
}

const LINK = /^href=["']?[^"'\s]*$/;

/** Digits of a hash that tell it from the others. */
const DIGITS = 32;
const HEX = /^[0-9a-f]{32}$/;

/** A hash as links give it, found without taking them apart; with another number sign it may be that of something else. */
const FRAGMENT = /^[^#]*href=["']?[^"'\s#]*#(md5|sha\d+)=([0-9a-fA-F]{32,})[^#]*$/;

/** Whether the hashes of a file are none of the pinned ones although they could be. */
function contradicts(pinned: readonly string[] = []): (offered: readonly string[]) => boolean {
  const kindOf = (hash: string): string => hash.slice(0, hash.indexOf(':'));
  const [kinds, known] = [new Set(pinned.map(kindOf)), new Set(pinned)];
  return (offered) => {
    const comparable = offered.filter((hash) => kinds.has(kindOf(hash)));
    return comparable.length > 0 && !comparable.some((hash) => known.has(hash));
  };
}

interface Anchor {
  /** What is within the tag, and between the tags. */
  readonly written: string;
  readonly label: string;
}

function anchored(page: SimplePage, { written, label }: Anchor): IndexFile[] {
  const found = attributes(written);
  const href = found.get('href');
  if (href === undefined) return [];
  const [url, fragment] = splitHash(href);
  const hash = fragment === undefined ? undefined : parseHash(fragment.replace('=', ':'));
  const requiresPython = found.get('data-requires-python');
  return indexFile(page, {
    filename: filenameOf(url) ?? label.trim(),
    href: url,
    hashes: hash === undefined ? [] : [hash],
    ...(requiresPython === undefined ? {} : { requiresPython }),
    yanked: found.has('data-yanked'),
  });
}

function splitHash(href: string): readonly [string, string | undefined] {
  const start = href.indexOf('#');
  return start === -1 ? [href, undefined] : [href.slice(0, start), href.slice(start + 1)];
}

/** The last segment of a link's path, decoded; undefined if it has none. */
function filenameOf(href: string): string | undefined {
  const segment = href.replace(/[?].*$/s, '').split('/').pop();
  try {
    return segment === undefined || segment === '' ? undefined : decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function attributes(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name, double, single, bare] of text.matchAll(ATTRIBUTE)) {
    found.set((name as string).toLowerCase(), decodeEntities(double ?? single ?? bare ?? ''));
  }
  return found;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'", '#39': "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|[a-z]+);/gi, (whole, name: string) => {
    if (/^#x/i.test(name)) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    return ENTITIES[name] ?? (name.startsWith('#') ? String.fromCodePoint(Number(name.slice(1))) : whole);
  });
}

interface Found {
  readonly filename: string;
  readonly href: string;
  readonly hashes: readonly string[];
  readonly requiresPython?: string;
  readonly yanked: boolean;
}

/** Links to other schemes and names that are no plain file names are left out: pages may hold anything. */
function indexFile(page: SimplePage, found: Found): IndexFile[] {
  const { href, filename, ...rest } = found;
  if (!/^[^/\\\0]+$/.test(filename) || !URL.canParse(href, page.url)) return [];
  const url = new URL(href, page.url);
  if (url.protocol === 'file:' && page.url.startsWith('file:')) {
    const path = fileURLToPath(url);
    return [{ filename, location: { kind: 'path', path, shown: path }, ...rest, rank: page.rank }];
  }
  if (!/^https?:$/.test(url.protocol)) return [];
  return [{ filename, location: { kind: 'url', url: sourceUrl(url.href) }, ...rest, rank: page.rank }];
}

function garbage(page: SimplePage, what: string): never {
  return fail({ reason: 'registry', message: `${page.subject} ${what}`, advice: 'check that the index URL points to a PEP 503 index' });
}
