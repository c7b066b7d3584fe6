import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Context } from '../artifact/kind.js';
import { Failed, fail } from '../core/failure.js';
import type { StoredBlob } from '../store/store.js';
import { packGit } from './git-package.js';
import { insidePath } from './inputs.js';
import { formatIntegrity, matching, parseIntegrity } from './integrity.js';
import { createHash } from 'node:crypto';
import { entryPlace, type Lock } from './lock.js';
import { isObject } from './manifest.js';
import { authorization, replaceHost, type Registries } from './registry.js';
import { packageName, title } from './select.js';
import type { Source } from './source.js';
import type { TreeNode } from './tree.js';

export interface FetchContext {
  /** Its name, for events. */
  readonly artifact: string;
  readonly context: Context;
  readonly lock: Lock;
  /** Folder of the lock, relative to the project's root. */
  readonly folder: string;
  readonly registries: Registries;
  /** Whether the scripts of a package may run. */
  mayRun(node: TreeNode): boolean;
}

export interface Fetched {
  readonly blob: StoredBlob;
  /** The same bytes, so that they need not be read back. */
  readonly bytes: Buffer;
}

/** Bytes; above any package that a registry accepts. */
const LIMIT = 1024 ** 3;

/** Gets a package's tarball, checks it against the lock and stores it. */
export async function fetchTarball(node: TreeNode, source: Source, at: FetchContext): Promise<Fetched> {
  const bytes = await read(node, source, at);
  const hash = source.type === 'git' ? undefined : checked(node, bytes, at.lock);
  const blob = await at.context.store.writeBlob(bytes, {
    subject: title(node), signal: AbortSignal.any([at.context.signal]), ...(hash ? { expect: [hash] } : {}),
  });
  return { blob, bytes };
}

async function read(node: TreeNode, source: Source, at: FetchContext): Promise<Buffer> {
  switch (source.type) {
    case 'url':
      return download(node, source, at);
    case 'file':
      return localTarball(node, source.path, at);
    case 'git':
      return fromGit(node, source.spec, at);
  }
}

async function fromGit(node: TreeNode, spec: string, { context, lock, mayRun }: FetchContext): Promise<Buffer> {
  const place = entryPlace(lock, node.location, 'resolved');
  if (context.offline) {
    fail({ reason: 'offline', message: `${title(node)} must be fetched from its git repository, and the network is not to be used`, place, advice: 'Run once without --offline' });
  }
  return packGit(spec, { subject: title(node), place, builder: await context.builder(), scripts: mayRun(node), env: context.env, signal: context.signal });
}

async function download(node: TreeNode, source: Source & { type: 'url' }, at: FetchContext): Promise<Buffer> {
  try {
    return await get(source.url, title(node), at);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    if (source.packument === undefined || !error.has('not-found')) throw withPlace(error, node, at.lock);
    const other = await publishedUrl(node, source.packument, at).catch((cause: unknown) => {
      if (!(cause instanceof Failed)) throw cause;
      throw withPlace(cause.has('not-found') ? absent(node, `has no package ${packageName(node)}`, source.packument as string) : cause, node, at.lock);
    });
    if (other === undefined) throw withPlace(absent(node, `has no version ${node.entry.version ?? ''} of ${packageName(node)}`, source.packument), node, at.lock);
    if (other === source.url) throw withPlace(error, node, at.lock);
    return get(other, title(node), at).catch((cause: unknown) => {
      throw cause instanceof Failed ? withPlace(cause, node, at.lock) : cause;
    });
  }
}

function absent(node: TreeNode, what: string, packument: string): Failed {
  return new Failed({
    reason: 'not-found',
    message: `${title(node)} cannot be installed: the registry ${new URL(packument).host} ${what}`,
    advice: 'Check the name and the registry (`registry`, .npmrc), then run `npm install` to write the lock anew',
  });
}

/** What the registry itself says where a version's tarball is. */
async function publishedUrl(node: TreeNode, packument: string, at: FetchContext): Promise<string | undefined> {
  const body = await get(packument, `the list of versions of ${packageName(node)}`, at, { accept: 'application/vnd.npm.install-v1+json' });
  try {
    const { versions } = JSON.parse(body.toString('utf8')) as { versions?: Record<string, { dist?: { tarball?: unknown } }> };
    const found = isObject(versions) ? versions[node.entry.version ?? '']?.dist?.tarball : undefined;
    return typeof found === 'string' && URL.canParse(found) ? replaceHost(found, at.registries) : undefined;
  } catch (cause) {
    throw new Failed({ reason: 'registry', message: `the registry's answer about ${packageName(node)} is not JSON` }, { cause });
  }
}

async function get(url: string, subject: string, at: FetchContext, headers: Readonly<Record<string, string>> = {}): Promise<Buffer> {
  const credentials = authorization(url, at.registries);
  const { body } = await at.context.http.get(url, {
    // A signal of its own for each: one with dozens of listeners makes Node warn of a leak.
    subject, headers, limit: LIMIT, signal: AbortSignal.any([at.context.signal]), ...(credentials === undefined ? {} : { authorization: credentials }),
  });
  return body;
}

async function localTarball(node: TreeNode, path: string, at: FetchContext): Promise<Buffer> {
  const place = entryPlace(at.lock, node.location, 'resolved');
  const below = posix.join(at.folder, path);
  const outside = path.startsWith('/') || below === '..' || below.startsWith('../');
  const real = outside ? undefined : await insidePath(at.context.root, below);
  if (real === undefined) {
    fail({
      reason: outside ? 'unsupported' : 'not-found',
      message: outside ? `the tarball ${path} of ${title(node)} is outside the project` : `the tarball ${below} of ${title(node)} does not exist`,
      place,
      advice: outside ? 'Put the tarball into the project' : 'Put the file there, or run `npm install` to write the lock anew',
    });
  }
  return readFile(real);
}

/** The hash of the lock that the bytes have; undefined when the lock has none. */
function checked(node: TreeNode, bytes: Buffer, lock: Lock): ReturnType<typeof matching> {
  const { integrity } = node.entry;
  if (integrity === undefined) return undefined;
  const hashes = parseIntegrity(integrity);
  if (!hashes) fail({ reason: 'requirements', message: `the integrity of ${title(node)} is not one that npm writes`, place: entryPlace(lock, node.location, 'integrity'), advice: 'Run `npm install` to write the lock anew' });
  const found = matching(bytes, hashes);
  if (found) return found;
  const [{ algorithm }] = hashes;
  const hex = createHash(algorithm).update(bytes).digest('hex');
  return fail({
    reason: 'integrity',
    message: `${title(node)} has other content than the lock says`,
    place: entryPlace(lock, node.location, 'integrity'),
    detail: [`expected ${integrity}`, `found    ${formatIntegrity({ algorithm, hex })}`],
    advice: 'Find out who changed it: the registry, a proxy, or the lock. If the new content is right, write the entry anew with `npm install`',
  });
}

function withPlace(error: Failed, node: TreeNode, lock: Lock): Failed {
  const place = entryPlace(lock, node.location, node.entry.resolved === undefined ? undefined : 'resolved');
  return new Failed(error.problems.map((problem) => (problem.place || problem.reason === 'disk' || problem.reason === 'engine' || problem.reason === 'interrupted' ? problem : { ...problem, place })), { cause: error });
}
