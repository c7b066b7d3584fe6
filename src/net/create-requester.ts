import { Failed, fail } from '../core/failure.js';
import { createClient } from './create-client.js';
import { exchange, type Answer, type Client } from './exchange.js';
import { failureOf, isCertificateTrouble, isTransient, RequestTrouble } from './explain.js';
import { collect, flat } from './collect.js';
import { createPause } from './pause.js';
import { hostOf, withoutCredentials } from './redact.js';
import { lowerCase, parseAddress, redirected, statusTrouble, withoutSecrets } from './request.js';
import { RequestFailed, type Reply, type Requester, type SendOptions } from './requester.js';
import type { HttpSettings } from './settings.js';
import { Slots } from './slots.js';

const DEFAULT_LIMIT = 4 * 1024 * 1024;
const MAX_REDIRECTS = 5;

/** The program's way to registries that are written to. The library is loaded at the first request. */
export function createRequester(settings: HttpSettings = {}): Requester {
  const slots = new Slots(settings.concurrency ?? 16);
  const pause = createPause(settings);
  let client: Promise<Client> | undefined;
  return { send, attempts };

  async function attempts<T>(options: Parameters<Requester['attempts']>[0], attempt: (progressed: () => void) => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await attempt(() => (failures = 1));
      } catch (error) {
        // What `send` threw is fit for the user; underneath it is what to judge it by.
        const trouble = error instanceof Failed && error.cause instanceof RequestTrouble ? error.cause : error;
        await pause(trouble, { ...options, failures });
      }
    }
  }

  async function send(url: string, options: SendOptions): Promise<Reply> {
    const { subject, verb = 'fetch', signal } = options;
    if (settings.offline === true) {
      fail({ reason: 'offline', message: `${subject} needs ${hostOf(url)}, and the network is forbidden`, advice: 'Run without --offline' });
    }
    const release = await slots.take();
    try {
      const answer = await follow(await (client ??= createClient(settings)), parseAddress(url, subject), options);
      const body = await collect(answer, subject, options.limit ?? DEFAULT_LIMIT);
      if (isTransient({ kind: 'status', status: answer.status })) throw statusTrouble(answer);
      return { status: answer.status, headers: flat(answer), body, url: answer.url };
    } catch (error) {
      if (signal?.aborted === true) throw new Failed({ reason: 'interrupted', message: `interrupted while ${verb}ing ${subject}` }, { cause: error });
      throw error instanceof RequestTrouble ? failed(error, failureOf(error, subject, verb)) : error;
    } finally {
      release();
      if (options.body !== undefined && 'stream' in options.body) options.body.stream.destroy();
    }
  }
}

function failed(error: RequestTrouble, { problems }: Failed): RequestFailed {
  const { trouble } = error;
  const kind = trouble.kind === 'cut' || trouble.kind === 'changed' ? 'connection' : isCertificateTrouble(trouble) ? 'certificate' : trouble.kind;
  return new RequestFailed(problems, kind, { cause: error });
}

async function follow(client: Client, address: URL, options: SendOptions): Promise<Answer> {
  const { method, subject, body, signal, authorization } = options;
  let headers = { ...lowerCase(options.headers ?? {}), ...lengthOf(options), ...(authorization === undefined ? {} : { authorization }) };
  let url = withoutCredentials(address);
  for (let hops = 0; ; hops += 1) {
    const outgoing = body === undefined ? (carriesBody(method) ? Buffer.alloc(0) : undefined) : Buffer.isBuffer(body) ? body : body.stream;
    const answer = await exchange(client, url, { method, headers, decompress: false, signal, ...(outgoing === undefined ? {} : { body: outgoing }) });
    const { location } = answer.headers;
    if (carriesBody(method) || ![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
    answer.close();
    if (hops === MAX_REDIRECTS) fail({ reason: 'registry', message: `can't fetch ${subject}: ${hostOf(url)} redirects in circles (more than ${MAX_REDIRECTS} times)` });
    const next = redirected(url, location, subject);
    if (next.origin !== url.origin) headers = withoutSecrets(headers);
    url = next;
  }
}

/** Always said: without it a body is sent in chunks, which many registries refuse. */
function lengthOf({ method, body }: SendOptions): Record<string, string> {
  if (!carriesBody(method)) return {};
  return { 'content-length': String(body === undefined ? 0 : body.length) };
}

function carriesBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD';
}
