import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import type { Context } from '../artifact/kind.js';
import { Failed, fail } from '../core/failure.js';
import type { HttpOptions } from '../net/http.js';
import type { Budget } from '../util/budget.js';
import type { StoredBlob } from '../store/store.js';
import { packGit } from './git-package.js';
import { insidePath } from './inputs.js';
import { formatIntegrity, parseIntegrity } from './integrity.js';
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
  /** Bytes that packages may take while they are unpacked. */
  readonly memory: Budget;
  /** Whether the scripts of a package may run. */
  mayRun(node: TreeNode): boolean;
}

export interface Fetched {
  readonly blob: StoredBlob;
  /** The same bytes if they are few, so that they need not be read back. */
  readonly bytes: Buffer | undefined;
}

/** Bytes of a tarball that is held in memory; a bigger one goes to the store as it comes. */
const SMALL = 512 * 1024;

/** Bytes; above any package that a registry accepts. */
const LIMIT = 1024 ** 3;

/** Gets a package's tarball, checks it against the lock and stores it. */
export async function fetchTarball(node: TreeNode, source: Source, at: FetchContext): Promise<Fetched> {
  const check = source.type === 'git' ? undefined : checkOf(node, at.lock);
  const read = await wholeIfSmall(await opened(node, source, at));
  const options = { subject: title(node), signal: AbortSignal.any([at.context.signal]) };
  if (Buffer.isBuffer(read)) {
    check?.update(read);
    check?.end();
    return { blob: await at.context.store.writeBlob(read, options), bytes: read };
  }
  try {
    // What is wrong ends the stream by an error, so nothing is kept of it.
    const source = check ? Readable.from(checked(read, check), { objectMode: false }) : read;
    return { blob: await at.context.store.writeBlob(source, options), bytes: undefined };
  } finally {
    // A store that can't be written to has not read it to its end.
    read.destroy();
  }
}

async function opened(node: TreeNode, source: Source, at: FetchContext): Promise<Buffer | Readable> {
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

async function download(node: TreeNode, source: Source & { type: 'url' }, at: FetchContext): Promise<Readable> {
  try {
    return await stream(source.url, title(node), at);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    if (source.packument === undefined || !error.has('not-found')) throw withPlace(error, node, at.lock);
    const other = await publishedUrl(node, source.packument, at).catch((cause: unknown) => {
      if (!(cause instanceof Failed)) throw cause;
      throw withPlace(cause.has('not-found') ? absent(node, `has no package ${packageName(node)}`, source.packument as string) : cause, node, at.lock);
    });
    if (other === undefined) throw withPlace(absent(node, `has no version ${node.entry.version ?? ''} of ${packageName(node)}`, source.packument), node, at.lock);
    if (other === source.url) throw withPlace(error, node, at.lock);
    return stream(other, title(node), at).catch((cause: unknown) => {
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
  const { body } = await at.context.http.get(packument, { ...requestOf(packument, `the list of versions of ${packageName(node)}`, at), headers: { accept: 'application/vnd.npm.install-v1+json' } });
  try {
    const { versions } = JSON.parse(body.toString('utf8')) as { versions?: Record<string, { dist?: { tarball?: unknown } }> };
    const found = isObject(versions) ? versions[node.entry.version ?? '']?.dist?.tarball : undefined;
    return typeof found === 'string' && URL.canParse(found) ? replaceHost(found, at.registries) : undefined;
  } catch (cause) {
    throw new Failed({ reason: 'registry', message: `the registry's answer about ${packageName(node)} is not JSON` }, { cause });
  }
}

function stream(url: string, subject: string, at: FetchContext): Promise<Readable> {
  return at.context.http.stream(url, requestOf(url, subject, at));
}

function requestOf(url: string, subject: string, at: FetchContext): HttpOptions {
  const credentials = authorization(url, at.registries);
  // A signal of its own for each: one with dozens of listeners makes Node warn of a leak.
  return { subject, limit: LIMIT, signal: AbortSignal.any([at.context.signal]), ...(credentials === undefined ? {} : { authorization: credentials }) };
}

async function localTarball(node: TreeNode, path: string, at: FetchContext): Promise<Readable> {
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
  return (await open(real)).createReadStream();
}

/** All of a stream if it is small, else a stream of all of it. */
async function wholeIfSmall(source: Buffer | Readable): Promise<Buffer | Readable> {
  if (Buffer.isBuffer(source)) return source;
  const rest = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const held: Buffer[] = [];
  for (let size = 0; size <= SMALL; ) {
    const next = await rest.next();
    if (next.done === true) return Buffer.concat(held, size);
    held.push(next.value);
    size += next.value.length;
  }
  // A stream that is destroyed before it is read never enters the generator.
  return Readable.from(resumed(held, rest), { objectMode: false }).once('close', () => source.destroy());
}

async function* resumed(held: Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  for (let chunk = held.shift(); chunk !== undefined; chunk = held.shift()) yield chunk;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function* checked(source: Readable, check: Check): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    check.update(chunk as Buffer);
    yield chunk as Buffer;
  }
  check.end();
}

interface Check {
  update(bytes: Buffer): void;
  /** Fails unless the bytes have one of the lock's hashes. */
  end(): void;
}

/** Undefined when the lock has no hash. */
function checkOf(node: TreeNode, lock: Lock): Check | undefined {
  const { integrity } = node.entry;
  if (integrity === undefined) return undefined;
  const hashes = parseIntegrity(integrity);
  if (!hashes) fail({ reason: 'requirements', message: `the integrity of ${title(node)} is not one that npm writes`, place: entryPlace(lock, node.location, 'integrity'), advice: 'Run `npm install` to write the lock anew' });
  const [{ algorithm }] = hashes;
  const hasher = createHash(algorithm);
  return {
    update: (bytes) => void hasher.update(bytes),
    end() {
      const hex = hasher.digest('hex');
      if (hashes.some((hash) => hash.hex === hex)) return;
      fail({
        reason: 'integrity',
        message: `${title(node)} has other content than the lock says`,
        place: entryPlace(lock, node.location, 'integrity'),
        detail: [`expected ${integrity}`, `found    ${formatIntegrity({ algorithm, hex })}`],
        advice: 'Find out who changed it: the registry, a proxy, or the lock. If the new content is right, write the entry anew with `npm install`',
      });
    },
  };
}

function withPlace(error: Failed, node: TreeNode, lock: Lock): Failed {
  const place = entryPlace(lock, node.location, node.entry.resolved === undefined ? undefined : 'resolved');
  return new Failed(error.problems.map((problem) => (problem.place || problem.reason === 'disk' || problem.reason === 'engine' || problem.reason === 'interrupted' ? problem : { ...problem, place })), { cause: error });
}
