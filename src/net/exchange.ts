import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { Got, Method, Request } from 'got';
import { batched } from './batches.js';
import { RequestTrouble } from './explain.js';
import type { Agents } from './agents.js';
import type { Timeouts } from './settings.js';

/** What one request needs; made once per program run. */
export interface Client {
  readonly got: Got;
  readonly agents: (url: URL) => Agents;
  readonly timeouts: Timeouts;
  readonly userAgent: string;
}

export interface ExchangeOptions {
  /** Default GET. */
  readonly method?: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | AsyncIterable<Buffer>;
  readonly decompress: boolean;
  readonly signal: AbortSignal | undefined;
}

/** An answer, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Without credentials. */
  readonly url: string;
  /** Ends by RequestTrouble when the body is cut or falls silent. */
  readonly body: AsyncIterable<Buffer>;
  close(): void;
}

/** One request and its answer, without redirects. Fails by RequestTrouble, or by what reading the request's body failed with. */
export async function exchange(client: Client, url: URL, options: ExchangeOptions): Promise<Answer> {
  const { connect, read } = client.timeouts;
  const outgoing = new Outgoing(options.body, () => stream.destroy(new RequestTrouble({ kind: 'silence', seconds: read / 1000 }, url.href)), read);
  const stream = client.got.stream(url.href, {
    method: options.method ?? 'GET',
    headers: { 'user-agent': client.userAgent, ...options.headers, ...(options.decompress ? {} : { 'accept-encoding': 'identity' }) },
    ...(outgoing.body === undefined ? {} : { body: outgoing.body }),
    decompress: options.decompress,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    agent: client.agents(url),
    timeout: { lookup: connect, connect, secureConnect: connect, response: read },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  // A proxy that is silent during CONNECT is seen by none of the timers above. A body that is being sent has its own timer.
  const patience = 2 * connect + read;
  const silent = () => (outgoing.started ? undefined : stream.destroy(new RequestTrouble({ kind: 'silence', seconds: patience / 1000 }, url.href)));
  const watchdog = setTimeout(silent, patience);
  try {
    await once(stream, 'response');
  } catch (error) {
    throw outgoing.failure ?? troubleOf(error, url, client.timeouts);
  } finally {
    clearTimeout(watchdog);
    outgoing.close();
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
  const chunks = batched(stream);
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
  if (expected !== undefined && Number(expected) !== seen && stream.response?.statusCode !== 304 && stream.options.method !== 'HEAD') throw new RequestTrouble({ kind: 'cut' }, url.href);
}

/** The body on its way out, with a timer that runs only while the other side is to take what it was given. */
class Outgoing {
  readonly body: Buffer | AsyncGenerator<Buffer> | undefined;
  started = false;
  /** What reading the source failed with. */
  failure: unknown;
  #timer: NodeJS.Timeout | undefined;

  constructor(body: ExchangeOptions['body'], readonly giveUp: () => void, readonly patience: number) {
    this.body = body === undefined || Buffer.isBuffer(body) ? body : this.#send(body);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async *#send(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    this.started = true;
    const chunks = source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await chunks.next().catch((error: unknown) => {
          this.failure = error;
          throw error;
        });
        // The timer for the answer starts when all is sent.
        if (next.done === true) return;
        this.#timer = setTimeout(this.giveUp, this.patience);
        yield next.value;
        clearTimeout(this.#timer);
      }
    } finally {
      clearTimeout(this.#timer);
      await chunks.return?.();
    }
  }
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
export function retryAfter(headers: IncomingHttpHeaders): number | undefined {
  const written = headers['retry-after'];
  if (written === undefined) return undefined;
  if (/^[0-9]+$/.test(written)) return Number(written) * 1000;
  const until = Date.parse(written);
  const now = Date.parse(headers.date ?? '');
  return Number.isNaN(until) || Number.isNaN(now) ? undefined : Math.max(0, until - now);
}

