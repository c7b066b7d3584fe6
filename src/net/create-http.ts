import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failed, fail } from '../core/failure.js';
import { describe, failureOf, isTransient, RequestTrouble } from './explain.js';
import { openFile } from './file-url.js';
import type { Http, HttpOptions, HttpResponse } from './http.js';
import { hostOf } from './redact.js';
import { request } from './request.js';
import type { Answer, Client, RequestOptions } from './request.js';
import type { HttpSettings } from './settings.js';
import { Slots } from './slots.js';

const DEFAULT_LIMIT = 64 * 1024 * 1024;
const DEFAULT_USER_AGENT = 'wheelwright';

/** The program's only way to the network. Libraries and certificates are loaded at the first request. */
export function createHttp(settings: HttpSettings = {}): Http {
  return new GotHttp(settings);
}

class GotHttp implements Http {
  readonly #settings: HttpSettings;
  readonly #slots: Slots;
  #client: Promise<Client> | undefined;

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    this.#slots = new Slots(settings.concurrency ?? 16);
  }

  async get(url: string, options: HttpOptions): Promise<HttpResponse> {
    const limit = options.limit ?? DEFAULT_LIMIT;
    if (isFile(url)) {
      const file = await openFile(url, options.subject);
      if (file.size > limit) tooBig(options.subject, limit);
      return { status: 200, headers: {}, body: await file.bytes(), url };
    }
    return this.#attempts(options, async () => {
      const answer = await this.#send(url, options, { decompress: true });
      return { status: answer.status, headers: flat(answer), url: answer.url, body: await collect(answer, options.subject, limit) };
    });
  }

  async stream(url: string, options: HttpOptions): Promise<Readable> {
    if (isFile(url)) return (await openFile(url, options.subject)).stream();
    const first = await this.#attempts(options, () => this.#send(url, options, { decompress: false }));
    const body = Readable.from(this.#resumed(url, options, first), { objectMode: false, highWaterMark: 256 * 1024 });
    // A stream that is destroyed before it is read never enters the generator above.
    return body.once('close', () => first.close());
  }

  /**
   * The body of `first`, continued by new requests where the connection breaks: by range, or from the start while leaving
   * out what was given already. Length and validators must stay the same, or it would be a mixture of two files.
   */
  async *#resumed(url: string, options: HttpOptions, first: Answer): AsyncGenerator<Buffer> {
    const limit = options.limit ?? Number.MAX_SAFE_INTEGER;
    let answer = first;
    let given = 0;
    let toSkip = 0;
    for (let failures = 0; ; ) {
      try {
        for await (const chunk of answer.body) {
          const part = chunk.subarray(Math.min(toSkip, chunk.length));
          toSkip -= chunk.length - part.length;
          if (part.length === 0) continue;
          given += part.length;
          if (given > limit) tooBig(options.subject, limit);
          failures = 0;
          yield part;
        }
        return;
      } catch (error) {
        failures += 1;
        await this.#pause(error, { failures, options });
      } finally {
        answer.close();
      }
      const range: Record<string, string> = given === 0 ? {} : { range: `bytes=${given}-` };
      answer = await this.#attempts(options, () => this.#send(url, { ...options, headers: { ...options.headers, ...range } }, { decompress: false }));
      toSkip = answer.status === 206 ? 0 : given;
      if (!continues(first, answer, given)) {
        answer.close();
        throw failureOf(new RequestTrouble({ kind: 'changed' }, answer.url), options.subject);
      }
    }
  }

  async #attempts<T>(options: HttpOptions, attempt: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await attempt();
      } catch (error) {
        await this.#pause(error, { failures, options });
      }
    }
  }

  /** Waits before the next attempt, or throws what the user should see. */
  async #pause(error: unknown, { failures, options }: { readonly failures: number; readonly options: HttpOptions }): Promise<void> {
    const { subject, signal } = options;
    if (signal?.aborted === true) throw new Failed({ reason: 'interrupted', message: `interrupted while fetching ${subject}` }, { cause: error });
    if (!(error instanceof RequestTrouble)) throw error;
    const { trouble } = error;
    const retries = this.#settings.retries ?? 3;
    // Each silent attempt costs a whole timeout, so there is only one more.
    const allowed = trouble.kind === 'silence' ? Math.min(retries, 1) : retries;
    const asked = trouble.kind === 'status' ? trouble.retryAfter : undefined;
    const longest = this.#settings.longestPause ?? 60_000;
    if (!isTransient(trouble) || failures > allowed || (asked !== undefined && asked > longest)) throw failureOf(error, subject);
    const wait = Math.min(asked ?? (this.#settings.backoff ?? 500) * 2 ** (failures - 1), longest);
    this.#settings.emit?.({ type: 'step', subject, message: `${hostOf(error.url)} ${describe(trouble)}; trying again in ${wait / 1000} s` });
    try {
      await sleep(wait, undefined, signal === undefined ? {} : { signal });
    } catch (cause) {
      throw new Failed({ reason: 'interrupted', message: `interrupted while fetching ${subject}` }, { cause });
    }
  }

  /** One request in one of the slots, which is given back when the body has ended or was closed. */
  async #send(url: string, options: HttpOptions, how: { readonly decompress: boolean }): Promise<Answer> {
    if (this.#settings.offline === true) {
      fail({ reason: 'offline', message: `${options.subject} is needed from ${hostOf(url)}, and the network is forbidden`, advice: 'Run once without --offline, or use a store that has it' });
    }
    const client = await (this.#client ??= this.#connect());
    const release = await this.#slots.take();
    const wanted: RequestOptions = { subject: options.subject, headers: options.headers ?? {}, authorization: options.authorization, signal: options.signal, ...how };
    try {
      const answer = await request(client, url, wanted);
      return { ...answer, body: finishing(answer.body, release), close: () => (answer.close(), release()) };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #connect(): Promise<Client> {
    const [{ got }, { createAgents }] = await Promise.all([import('got'), import('./agents.js')]);
    const { connect = 15_000, read = 30_000 } = this.#settings.timeouts ?? {};
    return { got, agents: await createAgents(this.#settings), timeouts: { connect, read }, userAgent: this.#settings.userAgent ?? DEFAULT_USER_AGENT };
  }
}

function isFile(url: string): boolean {
  return /^file:/i.test(url);
}

async function collect(answer: Answer, subject: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body) {
      size += chunk.length;
      if (size > limit) tooBig(subject, limit);
      chunks.push(chunk);
    }
  } finally {
    answer.close();
  }
  return Buffer.concat(chunks, size);
}

async function* finishing(body: AsyncIterable<Buffer>, done: () => void): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } finally {
    done();
  }
}

/** True if `next` carries on the same file after `given` bytes. */
function continues(first: Answer, next: Answer, given: number): boolean {
  const validator = (answer: Answer): string | undefined => answer.headers.etag ?? answer.headers['last-modified'];
  if (validator(first) !== validator(next)) return false;
  const length = first.headers['content-length'];
  if (next.status !== 206) return next.headers['content-length'] === length;
  const range = /^bytes ([0-9]+)-[0-9]+\/([0-9]+|\*)$/.exec(next.headers['content-range'] ?? '');
  return range !== null && Number(range[1]) === given && (length === undefined || range[2] === '*' || range[2] === length);
}

function flat(answer: Answer): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return headers;
}

function tooBig(subject: string, limit: number): never {
  fail({ reason: 'registry', message: `${subject} is bigger than ${limit} bytes` });
}
