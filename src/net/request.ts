import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { Got, Request } from 'got';
import { fail } from '../core/failure.js';
import { RequestTrouble } from './explain.js';
import type { Agents } from './agents.js';
import { basicAuthorization, hostOf, redactUrl, withoutCredentials } from './redact.js';
import type { Timeouts } from './settings.js';

/** What one request needs; made once per createHttp. */
export interface Client {
  readonly got: Got;
  readonly agents: (url: URL) => Agents;
  readonly timeouts: Timeouts;
  readonly userAgent: string;
}

export interface RequestOptions {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly decompress: boolean;
  readonly signal: AbortSignal | undefined;
}

/** An answer of status 2xx or 304; anything else was thrown as RequestTrouble. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** After redirects, without credentials. */
  readonly url: string;
  /** Ends by RequestTrouble when the body is cut or falls silent. */
  readonly body: AsyncIterable<Buffer>;
  close(): void;
}

const MAX_REDIRECTS = 10;

/** One attempt, with its redirects. Credentials go to the origin that they were given for and to no other. */
export async function request(client: Client, written: string, options: RequestOptions): Promise<Answer> {
  let url = parse(written, options.subject);
  let headers = lowerCase(options.headers);
  const authorization = options.authorization ?? basicAuthorization(url);
  if (authorization !== undefined) headers['authorization'] = authorization;
  url = withoutCredentials(url);
  for (let hops = 0; ; hops += 1) {
    const answer = await send(client, url, { ...options, headers });
    const location = answer.headers.location;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) {
      if ((answer.status >= 200 && answer.status < 300) || answer.status === 304) return answer;
      answer.close();
      const retryAfter = pause(answer.headers);
      throw new RequestTrouble({ kind: 'status', status: answer.status, ...(retryAfter === undefined ? {} : { retryAfter }) }, url.href);
    }
    answer.close();
    if (hops === MAX_REDIRECTS) fail({ reason: 'registry', message: `can't fetch ${options.subject}: ${hostOf(url)} redirects in circles (more than ${MAX_REDIRECTS} times)` });
    const next = redirected(url, location, options.subject);
    if (next.origin !== url.origin) headers = withoutSecrets(headers);
    url = next;
  }
}

function parse(written: string, subject: string): URL {
  if (!URL.canParse(written)) fail({ reason: 'registry', message: `the address of ${subject} is not a URL` });
  const url = new URL(written);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') fail({ reason: 'registry', message: `can't fetch ${subject} from ${redactUrl(url)}: only https, http and file are supported` });
  return url;
}

function redirected(from: URL, location: string, subject: string): URL {
  if (!URL.canParse(location, from.href)) fail({ reason: 'registry', message: `can't fetch ${subject}: ${hostOf(from)} redirects to an invalid address` });
  const next = withoutCredentials(new URL(location, from));
  if (next.protocol !== 'https:' && (next.protocol !== 'http:' || from.protocol === 'https:')) {
    fail({ reason: 'registry', message: `can't fetch ${subject}: ${hostOf(from)} redirects from ${from.protocol.slice(0, -1)} to ${redactUrl(next)}, which is not safe` });
  }
  return next;
}

async function send(client: Client, url: URL, options: RequestOptions): Promise<Answer> {
  const { connect, read } = client.timeouts;
  const stream = client.got.stream(url.href, {
    headers: { 'user-agent': client.userAgent, ...options.headers, ...(options.decompress ? {} : { 'accept-encoding': 'identity' }) },
    decompress: options.decompress,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    agent: client.agents(url),
    timeout: { lookup: connect, connect, secureConnect: connect, response: read },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  // A proxy that is silent during CONNECT is seen by none of the timers above.
  const watchdog = setTimeout(() => stream.destroy(new RequestTrouble({ kind: 'silence', seconds: (2 * connect + read) / 1000 }, url.href)), 2 * connect + read);
  try {
    await once(stream, 'response');
  } catch (error) {
    throw troubleOf(error, url, client.timeouts);
  } finally {
    clearTimeout(watchdog);
  }
  // The loop over the body reports errors; without a listener a late one would end the process.
  stream.on('error', () => undefined);
  const response = stream.response;
  if (response === undefined) throw new Error('a response event without a response');
  return {
    status: response.statusCode,
    headers: response.headers,
    url: url.href,
    body: watched(stream, url, { timeouts: client.timeouts, decoded: options.decompress && response.headers['content-encoding'] !== undefined }),
    close: () => void stream.destroy(),
  };
}

/** The body, with a timer that runs only while we wait for the other side, and its length checked. */
async function* watched(stream: Request, url: URL, options: { readonly timeouts: Timeouts; readonly decoded: boolean }): AsyncGenerator<Buffer> {
  const { timeouts } = options;
  const expected = options.decoded ? undefined : stream.response?.headers['content-length'];
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let seen = 0;
  try {
    for (;;) {
      const timer = setTimeout(() => stream.destroy(new RequestTrouble({ kind: 'silence', seconds: timeouts.read / 1000 }, url.href)), timeouts.read);
      const next = await chunks.next().finally(() => clearTimeout(timer));
      if (next.done === true) break;
      seen += next.value.length;
      yield next.value;
    }
  } catch (error) {
    throw troubleOf(error, url, timeouts);
  } finally {
    stream.destroy();
  }
  if (expected !== undefined && Number(expected) !== seen && stream.response?.statusCode !== 304) throw new RequestTrouble({ kind: 'cut' }, url.href);
}

function troubleOf(error: unknown, url: URL, timeouts: Timeouts): unknown {
  if (error instanceof RequestTrouble) return error;
  const { code = '', name, message, event, cause } = error as { code?: string; name: string; message: string; event?: string; cause?: unknown };
  if (cause instanceof RequestTrouble) return cause;
  if (code === 'ERR_ABORTED' || name === 'AbortError') return error;
  const options = { cause: error };
  if (name === 'TimeoutError' && event === 'response') return new RequestTrouble({ kind: 'silence', seconds: timeouts.read / 1000 }, url.href, options);
  if (name === 'ReadError' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    if (code.startsWith('Z_') && code !== 'Z_BUF_ERROR') return new RequestTrouble({ kind: 'garbage', what: message }, url.href, options);
    return new RequestTrouble({ kind: 'cut' }, url.href, options);
  }
  if (code.startsWith('HPE_') || code.startsWith('Z_') || code === 'EPROTO' || code.startsWith('ERR_SSL')) return new RequestTrouble({ kind: 'garbage', what: code }, url.href, options);
  return new RequestTrouble({ kind: 'connection', code: code === '' || code === 'ERR_GOT_REQUEST_ERROR' ? message : code }, url.href, options);
}

/** Milliseconds of a Retry-After; a date is taken relative to the answer's own Date, so our clock plays no part. */
function pause(headers: IncomingHttpHeaders): number | undefined {
  const written = headers['retry-after'];
  if (written === undefined) return undefined;
  if (/^[0-9]+$/.test(written)) return Number(written) * 1000;
  const until = Date.parse(written);
  const now = Date.parse(headers.date ?? '');
  return Number.isNaN(until) || Number.isNaN(now) ? undefined : Math.max(0, until - now);
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function withoutSecrets(headers: Readonly<Record<string, string>>): Record<string, string> {
  const secrets = ['authorization', 'cookie', 'proxy-authorization'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !secrets.includes(name) && !/token|api-?key/.test(name)));
}
