import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Failed, fail } from '../core/failure.js';
import { compare } from '../core/record.js';
import type { Http } from '../net/http.js';
import { memoised } from '../util/memo.js';
import type { Credentials } from './credentials.js';
import type { IndexFile } from './index-file.js';
import { normalizeName } from './name.js';
import type { IndexOptions } from './requirement.js';
import { parseSimplePage, SIMPLE_ACCEPT } from './simple-page.js';
import { parseSdistName, parseWheelName } from './wheel-name.js';

/**
 * All files that the configured indexes and links offer for a package; every page is asked for once. Given the hashes of a pin,
 * files that their page gives other hashes for are left out: most of a long page is then not looked at.
 */
export type IndexClient = (name: string, pinned?: readonly string[]) => Promise<readonly IndexFile[]>;

export interface IndexClientOptions {
  readonly http: Http;
  readonly root: string;
  readonly options: Pick<IndexOptions, 'indexUrl' | 'extraIndexUrls' | 'noIndex' | 'findLinks'>;
  /** The builder's own default, for options that name no index. */
  readonly fallback: string | undefined;
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}

/**
 * pip's rules: every index is asked, none is preferred but between equal files; links come first; a package that one index
 * does not know (404) may be on another.
 */
export function createIndexClient(settings: IndexClientOptions): IndexClient {
  const links = settings.options.findLinks.map((link, rank) => once(() => linkedFiles(link, rank, settings)));
  const first = links.length;
  const ask = memoised(async (question: string) => {
    const [name, ...pinned] = question.split(' ') as [string, ...string[]];
    const pages = indexUrls(settings.options, settings.fallback).map((url, position) => projectPage(url, { name, pinned, rank: first + position, settings }));
    const [linked, indexed] = await Promise.all([Promise.all(links.map((link) => link())), Promise.all(pages)]);
    return [...linked.flat().filter(({ filename }) => nameOf(filename, name) === name), ...indexed.flat()];
  });
  return (name, pinned = []) => ask([name, ...pinned].join(' '));
}

/** The addresses of the indexes, first the main one; as they are configured, with credentials. `fallback` is the builder's own. */
export function indexUrls(options: Pick<IndexOptions, 'indexUrl' | 'extraIndexUrls' | 'noIndex'>, fallback: string | undefined): readonly string[] {
  if (options.noIndex) return [];
  const main = options.indexUrl?.url ?? fallback;
  if (main === undefined) {
    fail({ reason: 'unsupported', message: 'there is no pip in the builder that knows a package index', advice: 'set index: in the project file, or install pip in the builder image' });
  }
  return [main, ...options.extraIndexUrls.map(({ url }) => url)];
}

function nameOf(filename: string, name: string): string | undefined {
  return (parseWheelName(filename) ?? parseSdistName(filename, name))?.name;
}

interface Page {
  readonly name: string;
  readonly pinned: readonly string[];
  readonly rank: number;
  readonly settings: IndexClientOptions;
}

async function projectPage(index: string, { name, pinned, rank, settings }: Page): Promise<readonly IndexFile[]> {
  const url = `${index.replace(/\/+$/, '')}/${normalizeName(name)}/`;
  if (url.startsWith('file:')) return folderFiles(fileURLToPath(url), rank, settings.root);
  try {
    return await remotePage(url, { subject: `index page of ${name}`, pinned, rank, settings });
  } catch (error) {
    if (error instanceof Failed && error.has('not-found')) return [];
    throw error;
  }
}

interface RemotePage {
  readonly subject: string;
  readonly pinned?: readonly string[];
  readonly rank: number;
  readonly settings: IndexClientOptions;
}

async function remotePage(address: string, { subject, pinned = [], rank, settings }: RemotePage): Promise<readonly IndexFile[]> {
  const { url, authorization } = settings.credentials(address);
  const response = await settings.http.get(url, {
    subject,
    headers: { accept: SIMPLE_ACCEPT },
    ...(authorization === undefined ? {} : { authorization }),
    signal: settings.signal,
  });
  return parseSimplePage({ body: response.body, contentType: response.headers['content-type'] ?? '', url: response.url, subject, rank, pinned });
}

type FindLink = IndexOptions['findLinks'][number];

async function linkedFiles(link: FindLink, rank: number, settings: IndexClientOptions): Promise<readonly IndexFile[]> {
  if ('path' in link) return folderFiles(resolve(settings.root, link.path), rank, settings.root);
  if (link.url.url.startsWith('file:')) return folderFiles(fileURLToPath(link.url.url), rank, settings.root);
  return remotePage(link.url.url, { subject: `links page ${link.url.shown}`, rank, settings });
}

/** The archives of a folder, or those that a page on disk links to. A missing folder offers nothing, as in pip. */
async function folderFiles(path: string, rank: number, root: string): Promise<readonly IndexFile[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return [];
  if (found.isFile()) return /\.html?$/i.test(path) ? localPage(path, rank, root) : [localFile(path, rank, root)];
  const names = (await readdir(path)).sort(compare);
  const index = names.find((name) => name === 'index.html');
  if (index !== undefined) return localPage(join(path, index), rank, root);
  return names.map((name) => localFile(join(path, name), rank, root));
}

async function localPage(path: string, rank: number, root: string): Promise<readonly IndexFile[]> {
  const body = await readFile(path);
  const files = parseSimplePage({ body, contentType: 'text/html', url: pathToFileURL(path).href, subject: `links page ${shownPath(path, root)}`, rank });
  return files.map((file) => (file.location.kind === 'path' ? { ...file, location: { ...file.location, shown: shownPath(file.location.path, root) } } : file));
}

function localFile(path: string, rank: number, root: string): IndexFile {
  const filename = path.slice(path.lastIndexOf('/') + 1);
  return { filename, location: { kind: 'path', path, shown: shownPath(path, root) }, hashes: [], yanked: false, rank };
}

/** Relative to the project's root where the file is below it, so that records agree between machines. */
export function shownPath(path: string, root: string): string {
  const below = relative(root, path);
  return below.startsWith('..') ? path : below.split(sep).join('/');
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}
