import { Readable } from 'node:stream';
import { fail } from '../core/failure.js';
import { collect, flat, tooBig } from './collect.js';
import { createClient } from './create-client.js';
import type { Answer, Client } from './exchange.js';
import { failureOf, RequestTrouble } from './explain.js';
import { openFile } from './file-url.js';
import type { Http, HttpOptions, HttpResponse } from './http.js';
import { createPause, type Pause } from './pause.js';
import { hostOf } from './redact.js';
import { request } from './request.js';
import type { RequestOptions } from './request.js';
import type { HttpSettings } from './settings.js';
import { Slots } from './slots.js';

const DEFAULT_LIMIT = 64 * 1024 * 1024;

/** The program's only way to the network. Libraries and certificates are loaded at the first request. */
export function createHttp(settings: HttpSettings = {}): Http & { prepare(): void } {
  return new GotHttp(settings);
}

class GotHttp implements Http {
  readonly #settings: HttpSettings;
  readonly #slots: Slots;
  readonly #pause: Pause;
  #client: Promise<Client> | undefined;

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    this.#slots = new Slots(settings.concurrency ?? 16);
    this.#pause = createPause(settings);
  }

  /** Requests will come: what they need is loaded meanwhile. */
  prepare(): void {
    // What fails here is told by the first request.
    if (this.#settings.offline !== true) this.#ready().catch(() => undefined);
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
        await this.#pause(error, { ...options, failures });
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
        await this.#pause(error, { ...options, failures });
      }
    }
  }

  #ready(): Promise<Client> {
    return (this.#client ??= createClient(this.#settings));
  }

  /** One request in one of the slots, which is given back when the body has ended or was closed. */
  async #send(url: string, options: HttpOptions, how: { readonly decompress: boolean }): Promise<Answer> {
    if (this.#settings.offline === true) {
      fail({ reason: 'offline', message: `${options.subject} is needed from ${hostOf(url)}, and the network is forbidden`, advice: 'Run once without --offline, or use a store that has it' });
    }
    const client = await this.#ready();
    const release = await this.#slots.take(options);
    const wanted: RequestOptions = { subject: options.subject, headers: options.headers ?? {}, authorization: options.authorization, signal: options.signal, ...how };
    try {
      const answer = await request(client, url, wanted);
      return { ...answer, body: finishing(answer.body, release), close: () => (answer.close(), release()) };
    } catch (error) {
      release();
      throw error;
    }
  }
}

function isFile(url: string): boolean {
  return /^file:/i.test(url);
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
