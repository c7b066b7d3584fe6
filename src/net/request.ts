import { fail } from '../core/failure.js';
import { exchange, retryAfter, type Answer, type Client } from './exchange.js';
import { RequestTrouble } from './explain.js';
import { basicAuthorization, hostOf, redactUrl, withoutCredentials } from './redact.js';

export interface RequestOptions {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly decompress: boolean;
  readonly signal: AbortSignal | undefined;
}

const MAX_REDIRECTS = 10;

/**
 * GET in one attempt, with its redirects; an answer of status 2xx or 304, anything else is thrown as RequestTrouble.
 * Credentials go to the origin that they were given for and to no other.
 */
export async function request(client: Client, written: string, options: RequestOptions): Promise<Answer> {
  let url = parseAddress(written, options.subject);
  let headers = lowerCase(options.headers);
  const authorization = options.authorization ?? basicAuthorization(url);
  if (authorization !== undefined) headers['authorization'] = authorization;
  url = withoutCredentials(url);
  for (let hops = 0; ; hops += 1) {
    const answer = await exchange(client, url, { ...options, headers });
    const location = answer.headers.location;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) {
      if ((answer.status >= 200 && answer.status < 300) || answer.status === 304) return answer;
      answer.close();
      throw statusTrouble(answer);
    }
    answer.close();
    if (hops === MAX_REDIRECTS) fail({ reason: 'registry', message: `can't fetch ${options.subject}: ${hostOf(url)} redirects in circles (more than ${MAX_REDIRECTS} times)` });
    const next = redirected(url, location, options.subject);
    if (next.origin !== url.origin) headers = withoutSecrets(headers);
    url = next;
  }
}

/** A status that is not the hoped-for one, with the pause that the answer asks for. */
export function statusTrouble({ status, headers, url }: Answer): RequestTrouble {
  const pause = retryAfter(headers);
  return new RequestTrouble({ kind: 'status', status, ...(pause === undefined ? {} : { retryAfter: pause }) }, url);
}

/** Fails on what is no http or https URL. */
export function parseAddress(written: string, subject: string): URL {
  if (!URL.canParse(written)) fail({ reason: 'registry', message: `the address of ${subject} is not a URL` });
  const url = new URL(written);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') fail({ reason: 'registry', message: `can't fetch ${subject} from ${redactUrl(url)}: only https, http and file are supported` });
  return url;
}

/** Where a redirect goes; never from https to http. */
export function redirected(from: URL, location: string, subject: string): URL {
  if (!URL.canParse(location, from.href)) fail({ reason: 'registry', message: `can't fetch ${subject}: ${hostOf(from)} redirects to an invalid address` });
  const next = withoutCredentials(new URL(location, from));
  if (next.protocol !== 'https:' && (next.protocol !== 'http:' || from.protocol === 'https:')) {
    fail({ reason: 'registry', message: `can't fetch ${subject}: ${hostOf(from)} redirects from ${from.protocol.slice(0, -1)} to ${redactUrl(next)}, which is not safe` });
  }
  return next;
}

export function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The headers that may go to another origin. */
export function withoutSecrets(headers: Readonly<Record<string, string>>): Record<string, string> {
  const secrets = ['authorization', 'cookie', 'proxy-authorization'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !secrets.includes(name) && !/token|api-?key/.test(name)));
}
