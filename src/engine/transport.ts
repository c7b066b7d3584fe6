import type { IncomingMessage, RequestOptions } from 'node:http';
import { PassThrough } from 'node:stream';
import type { Duplex, Readable } from 'node:stream';
import { Failed, fail, abortReason } from '../core/failure.js';
import { connectionProblem, goneProblem } from './connection-problem.js';
import { Heartbeat } from './heartbeat.js';
import type { EngineAddress } from './host.js';
import { formatHost } from './host.js';
import { EngineRefusal } from './refusal.js';
import { Upload } from './upload.js';

export interface TransportOptions {
  readonly address: EngineAddress;
  /** PEM texts for TLS with client authentication. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** How often a silent engine is asked whether it lives, in ms, and how long it may take to answer. */
  readonly heartbeat: { readonly every: number; readonly patience: number };
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  /** With query, without a version: the engine answers in its own newest one, and every field we read is checked. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer | Readable;
  readonly signal?: AbortSignal | undefined;
}

export interface Response {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Fails with `Failed` (reason `engine`) when the engine goes away before its end. */
  readonly body: Readable;
}

interface Answer {
  readonly response: IncomingMessage;
  readonly socket?: Duplex;
  readonly source?: Upload;
}

/** Oldest API that we speak: engine 18.09. */
const OLDEST_API = [1, 38] as const;
/** An error body or a JSON answer above this is not from an engine. */
const MAX_ANSWER = 64 * 1024 * 1024;

/**
 * HTTP to one engine. Whatever happens to the engine, every promise and stream that comes from here ends: by the
 * operating system's word (connection refused, reset, closed in the middle of a body), and by a heartbeat that runs
 * while requests are open, for an engine that is stopped or a network that went silent.
 */
export class Transport {
  readonly host: string;
  private readonly heartbeat: Heartbeat;
  /** What the last answer's headers say of the engine's release; undefined before the first. */
  release: string | undefined;

  constructor(private readonly options: TransportOptions) {
    this.host = formatHost(options.address);
    const { every, patience } = options.heartbeat;
    this.heartbeat = new Heartbeat({ every, ping: () => this.ping(patience), dead: () => new Failed(goneProblem(this.host, 'it does not answer')) });
  }

  /** Resolves when the headers are there, with a status below 300; a higher one is an EngineRefusal. */
  async request(request: Request): Promise<Response> {
    const { response, source } = await this.send(request, {});
    const body = this.guard(response, (error) => source?.error ?? this.failure(error, request.signal));
    if (request.signal !== undefined) destroyOnAbort(body, request.signal);
    if (response.statusCode! < 300) return { status: response.statusCode!, headers: response.headers, body };
    throw new EngineRefusal(response.statusCode!, refusalText(await readAll(body), response.statusCode!));
  }

  /** As `request`, with the whole answer parsed; undefined for an empty one. */
  async json(request: Request): Promise<{ readonly value: unknown; readonly headers: IncomingMessage['headers'] }> {
    const { body, headers } = await this.request(request);
    const text = await readAll(body);
    if (text.length === 0) return { value: undefined, headers };
    try {
      return { value: JSON.parse(text.toString('utf8')), headers };
    } catch {
      return this.notAnEngine();
    }
  }

  /** Turns the request's connection into a raw two-way stream (exec, attach, BuildKit sessions). */
  async upgrade(request: Request, protocol = 'tcp'): Promise<Duplex> {
    const headers = { ...request.headers, Connection: 'Upgrade', Upgrade: protocol };
    const { response, socket } = await this.send({ ...request, headers }, { upgrade: true });
    if (socket === undefined) {
      const text = await readAll(this.guard(response, (error) => this.failure(error, request.signal)));
      if (response.statusCode! < 300) return this.notAnEngine();
      throw new EngineRefusal(response.statusCode!, refusalText(text, response.statusCode!));
    }
    const stop = this.heartbeat.watch((error) => socket.destroy(error));
    socket.once('close', stop);
    if (request.signal !== undefined) destroyOnAbort(socket, request.signal);
    return socket;
  }

  private async send(request: Request, { upgrade = false }): Promise<Answer> {
    if (request.signal?.aborted === true) throw abortReason(request.signal);
    const { body } = request;
    const streamed = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
    const { request: start } = await (this.isTls() ? import('node:https') : import('node:http'));
    const answer = await new Promise<Answer>((resolve, reject) => {
      const outgoing = start({ ...this.target(), method: request.method, path: request.path, headers: headersOf(request), agent: false });
      const stop = this.heartbeat.watch((error) => outgoing.destroy(error));
      const abort = () => outgoing.destroy(abortReason(request.signal!));
      request.signal?.addEventListener('abort', abort, { once: true });
      let answered = false;
      const settle = (work: () => void) => {
        if (answered) return;
        answered = true;
        stop();
        request.signal?.removeEventListener('abort', abort);
        work();
      };
      outgoing.on('socket', (socket) => socket.setKeepAlive?.(true, 15_000));
      outgoing.on('response', (response) => {
        settle(() => resolve({ response, ...(source === undefined ? {} : { source }) }));
        // An engine may begin its answer while it still reads (builds do); only a refusal means that the rest is unwanted.
        if (response.statusCode! >= 300) source?.stop();
        else source?.begin();
      });
      if (upgrade) {
        outgoing.on('upgrade', (response, socket, head) => {
          if (head.length > 0) socket.unshift(head);
          socket.setTimeout?.(0);
          settle(() => resolve({ response, socket }));
        });
      }
      outgoing.on('error', (error) => settle(() => reject(this.failure(error, request.signal))));
      outgoing.on('close', () => settle(() => reject(new Failed(goneProblem(this.host, '')))));
      const source = streamed ? new Upload(body, outgoing) : undefined;
      if (source === undefined) outgoing.end(body);
      else source.failed = (error) => settle(() => reject(error));
    });
    this.checkVersion(answer.response);
    return answer;
  }

  /** The body as a stream whose failures are ours. */
  private guard(response: IncomingMessage, failure: (error: Error) => Error): Readable {
    const body = new PassThrough({ highWaterMark: 1 << 18 });
    const stop = this.heartbeat.watch((error) => body.destroy(error));
    response.on('error', (error) => body.destroy(failure(error)));
    response.on('close', () => {
      if (!response.complete) body.destroy(failure(new Failed(goneProblem(this.host, ''))));
    });
    body.on('close', () => {
      stop();
      response.destroy();
    });
    response.pipe(body);
    return body;
  }

  private async ping(patience: number): Promise<boolean> {
    const { request: start } = await (this.isTls() ? import('node:https') : import('node:http'));
    return await new Promise((resolve) => {
      const outgoing = start({ ...this.target(), path: '/_ping', agent: false }, (response) => {
        response.resume();
        done(true);
      });
      const timer = setTimeout(() => done(false), patience);
      const done = (alive: boolean) => {
        clearTimeout(timer);
        outgoing.destroy();
        resolve(alive);
      };
      outgoing.on('error', () => done(false));
      outgoing.end();
    });
  }

  private failure(error: Error, signal: AbortSignal | undefined): Error {
    if (error instanceof Failed) return error;
    if (signal?.aborted === true) return abortReason(signal);
    return new Failed(connectionProblem(this.host, error), { cause: error });
  }

  private checkVersion(response: IncomingMessage): void {
    const text = response.headers['api-version'];
    const match = typeof text === 'string' ? /^(\d{1,4})\.(\d{1,4})$/.exec(text) : null;
    if (match === null) {
      // Every engine says its API version with every answer but its router's errors and some upgrades.
      if (response.statusCode! >= 200 && response.statusCode! < 300) this.notAnEngine();
      return;
    }
    this.release = `${response.headers.server ?? ''} ${match[0]}`;
    const [major, minor] = [Number(match[1]), Number(match[2])];
    if (major > OLDEST_API[0] || (major === OLDEST_API[0] && minor >= OLDEST_API[1])) return;
    response.destroy();
    fail({
      reason: 'engine',
      message: `the Docker Engine at ${this.host} is too old: it speaks API ${text}, at least ${OLDEST_API.join('.')} is needed`,
      advice: 'update it to Docker Engine 18.09 or newer',
    });
  }

  private notAnEngine(): never {
    return fail({ reason: 'engine', message: `what answers at ${this.host} is not a Docker Engine`, advice: 'check DOCKER_HOST' });
  }

  private isTls(): boolean {
    return this.options.address.type === 'tcp' && this.options.address.tls;
  }

  private target(): RequestOptions {
    const { address, tls } = this.options;
    if (address.type === 'socket') return { socketPath: address.path, ...NO_NAME, headers: { Host: 'docker' } };
    return { hostname: address.hostname, port: address.port, ...(tls ?? {}) };
  }
}

/** Or an agent would work out from the Host header whom TLS is to greet, with the longest regular expressions that Node has. */
const NO_NAME = { servername: '' };

/** Everything of a stream that has a sensible size. */
export async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Failed({ reason: 'engine', message: 'the engine sent an answer of more than 64 MiB' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function destroyOnAbort(stream: Readable, signal: AbortSignal): void {
  const abort = () => void stream.destroy(abortReason(signal));
  if (signal.aborted) return abort();
  signal.addEventListener('abort', abort, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', abort));
}

function headersOf({ headers, body }: Request): Record<string, string | string[]> {
  if (body === undefined) return { Host: 'docker', ...headers };
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    return { Host: 'docker', 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)), ...headers };
  }
  // The engine says no before it reads: then nothing is sent in vain, and its answer is not lost in a broken pipe.
  return { Host: 'docker', 'Content-Type': 'application/x-tar', Expect: '100-continue', ...headers };
}

function refusalText(body: Buffer, status: number): string {
  const text = body.toString('utf8').trim();
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message.trim();
  } catch {
    // Not JSON: a proxy's page or plain text.
  }
  return text === '' ? `status ${status}` : text.slice(0, 500);
}
