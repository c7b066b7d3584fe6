import { Readable } from 'node:stream';
import { fail } from '../core/failure.js';
import type { Reply, Requester } from '../net/requester.js';
import { scopeOf } from './access.js';
import type { Api, Call } from './api.js';
import type { BlobSource, UploadOptions } from './client.js';

/** Blobs up to this size are sent in one request with their digest; longer ones so that a broken upload can go on. */
const MONOLITHIC = 8 * 1024 * 1024;

export interface UploadTarget {
  readonly api: Api;
  readonly requester: Requester;
  /** Path of the repository. */
  readonly path: string;
  /** For messages. */
  readonly subject: string;
  readonly signal?: AbortSignal;
}

/** An upload that the registry knows. */
interface Session {
  readonly location: URL;
  /** Bytes that it has. */
  readonly offset: number;
}

/**
 * Sends a blob. After a break the registry is asked how far it got, and the rest is sent; where it does not know any more
 * the upload starts anew. An attempt that got further does not count as a failure.
 */
export async function upload(target: UploadTarget, blob: BlobSource, { mountFrom, onProgress }: UploadOptions): Promise<'mounted' | 'uploaded'> {
  const { requester, subject, signal } = target;
  let session: Session | undefined;
  let reached = 0;
  return requester.attempts({ verb: 'push', subject, ...(signal === undefined ? {} : { signal }) }, async (progressed) => {
    if (session !== undefined) session = await askStatus(target, session, blob.size);
    if (session !== undefined && session.offset > reached) {
      reached = session.offset;
      progressed();
    }
    // Some registries tell how far they got, and then refuse to go on from there.
    if (session !== undefined && session.offset > 0) session = await sendRest(target, session, blob);
    if (session === undefined) {
      const begun = await begin(target, blob.digest, mountFrom);
      if (begun === 'mounted') return 'mounted';
      session = begun;
    }
    onProgress?.(session.offset);
    const whole = session.offset === 0 && blob.size <= MONOLITHIC;
    if (session.offset < blob.size && !whole) session = await sendAll(target, session, blob);
    await commit(target, session, blob, whole);
    onProgress?.(blob.size);
    return 'uploaded';
  });
}

/** Mounts, or opens an upload. A registry that can't mount opens an upload instead. */
export async function begin(target: UploadTarget, digest: string, mountFrom?: string): Promise<'mounted' | Session> {
  const { path } = target;
  const query = mountFrom === undefined ? '' : `?${new URLSearchParams({ mount: digest, from: mountFrom }).toString()}`;
  const call = callOf(target, { method: 'POST', to: `${path}/blobs/uploads/${query}` }, mountFrom);
  const reply = await target.api.call(call);
  if (reply.status === 201 && mountFrom !== undefined) return 'mounted';
  if (reply.status === 202) return { location: target.api.located(reply, 'location'), offset: 0 };
  // Some registries refuse what they don't know how to mount.
  if (mountFrom !== undefined && reply.status < 500) return begin(target, digest);
  throw await target.api.refused(reply, call);
}

/** Tells the registry that nothing will come; it forgets uploads by itself too. */
export async function cancel(target: UploadTarget, { location }: Session): Promise<void> {
  await target.api.call(callOf(target, { method: 'DELETE', to: location })).catch(() => undefined);
}

/** Undefined if the registry does not know the upload any more. */
async function askStatus(target: UploadTarget, { location }: Session, size: number): Promise<Session | undefined> {
  const reply = await target.api.call(callOf(target, { method: 'GET', to: location }));
  const offset = reply.status === 204 ? offsetOf(reply) : undefined;
  if (offset === undefined || offset > size) return undefined;
  return { location: reply.headers['location'] === undefined ? location : target.api.located(reply, 'location'), offset };
}

async function sendAll(target: UploadTarget, session: Session, blob: BlobSource): Promise<Session> {
  const { call, reply, sent } = await patch(target, session, blob);
  if (sent === undefined) throw await target.api.refused(reply, call);
  return sent;
}

/** Undefined if the registry does not go on from where it says that it is. */
async function sendRest(target: UploadTarget, session: Session, blob: BlobSource): Promise<Session | undefined> {
  if (session.offset === blob.size) return session;
  const { call, reply, sent } = await patch(target, session, blob);
  if (sent === undefined && ![400, 404, 416].includes(reply.status)) throw await target.api.refused(reply, call);
  return sent;
}

async function patch(target: UploadTarget, { location, offset }: Session, blob: BlobSource) {
  const headers = {
    'content-type': 'application/octet-stream',
    // Not for the first piece: some registries take it for an end that is not one.
    ...(offset === 0 ? {} : { 'content-range': `${offset}-${blob.size - 1}` }),
  };
  const call = callOf(target, { method: 'PATCH', to: location, headers, body: () => bodyOf(blob, offset) });
  const reply = await target.api.call(call);
  const accepted = reply.status === 202 || reply.status === 204;
  return { call, reply, sent: accepted ? { location: target.api.located(reply, 'location'), offset: blob.size } : undefined };
}

/** Closes the upload, with the whole blob or with nothing more to send; the registry checks the digest. */
async function commit(target: UploadTarget, { location }: Session, blob: BlobSource, whole: boolean): Promise<void> {
  const to = new URL(location);
  to.searchParams.set('digest', blob.digest);
  const headers = { 'content-type': 'application/octet-stream' };
  const call = callOf(target, { method: 'PUT', to, headers, ...(whole ? { body: () => bodyOf(blob, 0) } : {}) });
  const reply = await target.api.call(call);
  if (reply.status !== 201 && reply.status !== 204) throw await target.api.refused(reply, call);
  const said = reply.headers['docker-content-digest'];
  if (said !== undefined && said !== blob.digest) fail({ reason: 'integrity', message: `the registry stored ${target.subject} as ${said.slice(0, 80)} instead of ${blob.digest}` });
}

async function bodyOf(blob: BlobSource, offset: number) {
  const length = blob.size - offset;
  return { stream: Readable.from(exactly(await blob.open(offset), length), { objectMode: false }), length };
}

/** The length is announced before: fewer or more bytes would make the rest of the connection unreadable. */
async function* exactly(source: Readable, length: number): AsyncGenerator<Buffer> {
  let left = length;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    left -= chunk.length;
    if (left < 0) break;
    yield chunk;
  }
  if (left !== 0) throw new Error(`a blob of ${length} bytes gave ${left < 0 ? 'more' : `${length - left}`}`);
}

function callOf({ path, subject }: UploadTarget, call: Pick<Call, 'method' | 'to' | 'headers' | 'body'>, mountFrom?: string): Call {
  const scopes = [scopeOf(path, 'pull,push'), ...(mountFrom === undefined ? [] : [scopeOf(mountFrom, 'pull')])];
  return { verb: 'push', subject, scopes, ...call };
}

/** `Range: 0-1023` → 1024. Registries say `0-0` for nothing as well as for one byte; nothing is the safe reading. */
function offsetOf({ headers }: Reply): number | undefined {
  const match = /^(?:bytes=)?0-(\d+)$/.exec(headers['range'] ?? '');
  if (match === null) return headers['range'] === undefined ? 0 : undefined;
  const last = Number(match[1]);
  return last === 0 ? 0 : last + 1;
}
