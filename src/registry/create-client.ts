import { Failed, fail } from '../core/failure.js';
import { scopeOf } from './access.js';
import { Api, type ApiOptions, type Call } from './api.js';
import type { BlobSource, RegistryClient, UploadOptions } from './client.js';
import { isDigest, type Descriptor } from './descriptor.js';
import { ACCEPTED, MANIFEST_LIMIT, parseManifest, sha256, type Manifest, type NewManifest } from './manifest.js';
import { repositoryAt, type Repository } from './repository.js';
import { begin, cancel, upload, type UploadTarget } from './uploads.js';
import type { Reply } from '../net/requester.js';

/** Pages of tags that are read; a registry that names ever more pages is broken. */
const MAX_PAGES = 1000;

/** Knows each registry after the first question to it: how it is reached, what it asks for, which tokens it gave. */
export function createRegistryClient(options: ApiOptions): RegistryClient {
  const { requester, insecure, signal } = options;
  const apis = new Map<string, Api>();
  return { checkPush, headManifest, getManifest, putManifest, deleteManifest, hasBlob, getBlob, mountBlob, uploadBlob, listTags };

  async function checkPush(repository: string): Promise<void> {
    const target = targetOf(repository, repository);
    const begun = await retried({ verb: 'push', subject: repository }, () => begin(target, ''));
    if (begun !== 'mounted') await cancel(target, begun);
  }

  async function headManifest(repository: string, reference: string): Promise<Descriptor | undefined> {
    const { api, path } = open(repository);
    const call = manifestCall('HEAD', { repository, path, reference });
    const reply = await retried(call, () => api.call(call));
    if (reply.status === 404) return undefined;
    const { 'content-type': mediaType, 'docker-content-digest': digest, 'content-length': size } = reply.headers;
    if (reply.status === 200 && mediaType !== undefined && isDigest(digest) && /^\d+$/.test(size ?? '')) {
      if (isDigest(reference) && digest !== reference) fail({ reason: 'integrity', message: `${repository}@${reference}: the registry answers for ${digest}` });
      return { mediaType: (mediaType.split(';', 1)[0] as string).trim(), digest, size: Number(size) };
    }
    // An answer to HEAD has no body that tells what is wrong, and some registries leave the digest out.
    return getManifest(repository, reference);
  }

  async function getManifest(repository: string, reference: string): Promise<Manifest | undefined> {
    const { api, path } = open(repository);
    const call = { ...manifestCall('GET', { repository, path, reference }), limit: MANIFEST_LIMIT };
    const reply = await retried(call, () => api.call(call));
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw await api.refused(reply, call);
    const said = reply.headers['docker-content-digest'];
    const expected = isDigest(reference) ? reference : isDigest(said) ? said : undefined;
    return parseManifest(reply.body, { said: reply.headers['content-type'] ?? '', expected, subject: call.subject });
  }

  async function putManifest(repository: string, reference: string, manifest: NewManifest): Promise<Descriptor> {
    const { api, path } = open(repository);
    const call: Call = {
      ...manifestCall('PUT', { repository, path, reference }),
      headers: { 'content-type': manifest.mediaType },
      body: () => manifest.bytes,
    };
    const reply = await retried(call, () => api.call(call));
    if (reply.status !== 201 && reply.status !== 200) throw await api.refused(reply, call);
    const digest = sha256(manifest.bytes);
    const said = reply.headers['docker-content-digest'];
    if (said !== undefined && said !== digest) fail({ reason: 'integrity', message: `the registry stored ${call.subject} as ${said.slice(0, 80)} instead of ${digest}` });
    return { mediaType: manifest.mediaType, digest, size: manifest.bytes.length };
  }

  async function deleteManifest(repository: string, digest: string): Promise<boolean> {
    const { api, path } = open(repository);
    const call: Call = { ...manifestCall('DELETE', { repository, path, reference: digest }), verb: 'delete', scopes: [scopeOf(path, 'delete')] };
    const reply = await retried(call, () => api.call(call));
    if (reply.status === 202 || reply.status === 200) return true;
    if (reply.status === 404) return false;
    throw await api.refused(reply, call);
  }

  async function hasBlob(repository: string, digest: string): Promise<boolean> {
    const { api, path } = open(repository);
    const call: Call = { method: 'HEAD', to: `${path}/blobs/${digest}`, verb: 'look for', subject: `${repository}@${digest}`, scopes: [scopeOf(path, 'pull')] };
    const reply = await retried(call, () => api.call(call));
    if (reply.status === 200) return true;
    if (reply.status === 404) return false;
    throw await api.refused(reply, call);
  }

  async function getBlob(repository: string, digest: string, limit: number): Promise<Buffer | undefined> {
    const { api, path } = open(repository);
    const call: Call = { method: 'GET', to: `${path}/blobs/${digest}`, verb: 'fetch', subject: `${repository}@${digest}`, scopes: [scopeOf(path, 'pull')], limit };
    const reply = await retried(call, () => api.call(call));
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw await api.refused(reply, call);
    const found = sha256(reply.body);
    if (found !== digest) fail({ reason: 'integrity', message: `the registry sent other bytes for ${call.subject}: ${found}` });
    return reply.body;
  }

  async function mountBlob(repository: string, digest: string, from: string): Promise<boolean> {
    const source = sourcePath(repository, from);
    if (source === undefined) return false;
    const target = targetOf(repository, `${repository}@${digest}`);
    const begun = await retried(target, () => begin(target, digest, source));
    if (begun === 'mounted') return true;
    await cancel(target, begun);
    return false;
  }

  async function uploadBlob(repository: string, blob: BlobSource, uploadOptions: UploadOptions = {}): Promise<'present' | 'mounted' | 'uploaded'> {
    if (await hasBlob(repository, blob.digest)) return 'present';
    const { mountFrom, ...rest } = uploadOptions;
    const source = mountFrom === undefined ? undefined : sourcePath(repository, mountFrom);
    return upload(targetOf(repository, `${repository}@${blob.digest}`), blob, source === undefined ? rest : { ...rest, mountFrom: source });
  }

  async function listTags(repository: string): Promise<readonly string[] | undefined> {
    const { api, path } = open(repository);
    const tags: string[] = [];
    let to: string | URL = `${path}/tags/list`;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const call: Call = { method: 'GET', to, verb: 'list the tags of', subject: repository, scopes: [scopeOf(path, 'pull')] };
      const reply = await retried(call, () => api.call(call));
      if (reply.status === 404 && page === 0) return undefined;
      if (reply.status !== 200) throw await api.refused(reply, call);
      tags.push(...tagsOf(reply, repository));
      const next = nextPage(reply);
      if (next === undefined) return tags;
      to = next;
    }
    return fail({ reason: 'registry', message: `the list of tags of ${repository} has no end` });
  }

  function open(repository: string): { readonly api: Api; readonly path: string } {
    const place = placeOf(repository);
    const api = apis.get(place.host) ?? new Api(place, options);
    apis.set(place.host, api);
    return { api, path: place.path };
  }

  function placeOf(repository: string): Repository {
    return repositoryAt(repository, insecure);
  }

  /** Blobs can be mounted within one registry only. */
  function sourcePath(repository: string, from: string): string | undefined {
    const source = placeOf(from);
    return source.host === placeOf(repository).host ? source.path : undefined;
  }

  function targetOf(repository: string, subject: string): UploadTarget {
    return { ...open(repository), requester, subject, ...(signal === undefined ? {} : { signal }) };
  }

  function retried<T>(about: { readonly subject: string; readonly verb?: string }, attempt: () => Promise<T>): Promise<T> {
    const { subject, verb = 'push' } = about;
    return requester.attempts({ subject, verb, ...(signal === undefined ? {} : { signal }) }, attempt);
  }
}

interface Named {
  readonly repository: string;
  readonly path: string;
  readonly reference: string;
}

function manifestCall(method: 'GET' | 'HEAD' | 'PUT' | 'DELETE', { repository, path, reference }: Named): Call {
  const writes = method === 'PUT';
  return {
    method,
    to: `${path}/manifests/${reference}`,
    verb: writes ? 'push' : 'look for',
    subject: `${repository}${isDigest(reference) ? '@' : ':'}${reference}`,
    scopes: [scopeOf(path, writes ? 'pull,push' : 'pull')],
    headers: { accept: ACCEPTED },
  };
}

function tagsOf({ body }: Reply, repository: string): string[] {
  try {
    const { tags } = JSON.parse(body.toString('utf8')) as { tags?: unknown };
    // Registries say null for an empty list.
    if (tags === null) return [];
    if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags as string[];
  } catch {
    // Told below.
  }
  throw new Failed({ reason: 'registry', message: `the registry sent something that is no list of tags for ${repository}` });
}

/** `Link: </v2/…?last=x>; rel="next"`, which must stay at the registry. */
function nextPage({ headers, url }: Reply): URL | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(headers['link'] ?? '')?.[1];
  if (target === undefined || !URL.canParse(target, url)) return undefined;
  const next = new URL(target, url);
  return next.origin === new URL(url).origin ? next : undefined;
}
