import { fail } from '../core/failure.js';
import type { Reply, Requester, SendOptions } from '../net/requester.js';
import type { Challenge } from './challenge.js';
import { basicAuthorization, type Credentials } from './credentials.js';
import { refusal } from './refusal.js';

export interface TokenOptions {
  readonly requester: Requester;
  /** The registry that the token is for, in messages. */
  readonly registry: string;
  readonly credentials: Credentials | undefined;
  /** May the token service be reached by plain http? */
  readonly plain: (host: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly signal?: AbortSignal;
}

export interface Token {
  readonly value: string;
  /** By `now`; a little earlier than the service says. */
  readonly expires: number;
}

/** What the token specification assumes where a service does not say, in seconds. */
const DEFAULT_LIFETIME = 60;

/**
 * Gets an access token from the service that a Bearer challenge names: with an identity token by OAuth 2 (POST), else by
 * GET with user name and password or anonymously. One attempt: it is a part of the request that needs the token.
 */
export async function fetchToken({ parameters }: Challenge, scopes: readonly string[], options: TokenOptions): Promise<Token> {
  const { requester, registry, credentials, signal } = options;
  const realm = checkedRealm(parameters['realm'] ?? '', options);
  const service = parameters['service'];
  const about = { subject: registry, verb: 'get access to', ...(signal === undefined ? {} : { signal }) };
  const [url, request] = credentials?.kind === 'identity-token'
    ? [realm, refreshing(credentials.token, service, scopes)] as const
    : [withQuery(realm, service, scopes), asking(credentials)] as const;
  const reply = await requester.send(url.href, { ...about, ...request });
  if (reply.status !== 200) throw refusal(reply, { ...about, registry: url.host, withCredentials: credentials !== undefined });
  return parseToken(reply, url.host, options.now());
}

function asking(credentials: Credentials | undefined): Pick<SendOptions, 'method' | 'authorization'> {
  return credentials?.kind === 'password' ? { method: 'GET', authorization: basicAuthorization(credentials.username, credentials.password) } : { method: 'GET' };
}

function refreshing(token: string, service: string | undefined, scopes: readonly string[]): Pick<SendOptions, 'method' | 'headers' | 'body'> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'wheelwright', refresh_token: token, scope: scopes.join(' ') });
  if (service !== undefined) form.set('service', service);
  return { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: Buffer.from(form.toString()) };
}

function withQuery(realm: URL, service: string | undefined, scopes: readonly string[]): URL {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  return url;
}

/** The registry says where the token service is; credentials go there by https only. */
function checkedRealm(realm: string, { registry, plain }: TokenOptions): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined) return fail({ reason: 'registry', message: `${registry} names a token service whose address is not a URL` });
  if (url.protocol === 'https:' || (url.protocol === 'http:' && plain(url.host))) return url;
  return fail({ reason: 'registry', message: `${registry} names a token service that is not safe: ${url.protocol}//${url.host}`, advice: 'Credentials are sent by https only' });
}

function parseToken({ body }: Reply, host: string, now: number): Token {
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown };
  try {
    answer = (JSON.parse(body.toString('utf8')) ?? {}) as typeof answer;
  } catch {
    answer = {};
  }
  const value = answer.token ?? answer.access_token;
  // Bytes that could end the header are no token.
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) return fail({ reason: 'registry', message: `the token service ${host} answers without a token` });
  const seconds = typeof answer.expires_in === 'number' && answer.expires_in > 0 ? answer.expires_in : DEFAULT_LIFETIME;
  return { value, expires: now + seconds * 900 };
}
