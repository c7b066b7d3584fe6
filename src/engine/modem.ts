import { stringify } from 'node:querystring';
import type { Readable } from 'node:stream';
import { readAll } from './transport.js';
import type { Request, Transport } from './transport.js';

/** What dockerode asks of its modem for each call; the members are docker-modem's. */
export interface DialOptions {
  /** A trailing `?` says that `options` go into the query. */
  readonly path: string;
  readonly method: Request['method'];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly file?: Readable | Buffer | string;
  readonly authconfig?: unknown;
  readonly registryconfig?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isStream?: boolean;
  readonly hijack?: boolean;
  readonly abortSignal?: AbortSignal;
}

type Callback = (error: unknown, answer?: unknown) => void;

/**
 * Docker's HTTP for dockerode, on our transport instead of docker-modem's, which never calls back when the engine dies in
 * the middle of an answer.
 */
export class Modem {
  constructor(private readonly transport: Transport) {}

  dial(call: DialOptions, callback: Callback): void {
    this.answer(call).then(
      (answer) => callback(null, answer),
      (error: unknown) => callback(error),
    );
  }

  private async answer(call: DialOptions): Promise<unknown> {
    const request = requestOf(call);
    if (call.hijack === true) return await this.transport.upgrade(request, call.headers?.['Upgrade']);
    if (call.isStream === true) return (await this.transport.request(request)).body;
    const body = await readAll((await this.transport.request(request)).body);
    return parse(body);
  }
}

function requestOf(call: DialOptions): Request {
  const { abortSignal, authconfig: _auth, ...options } = call.options ?? {};
  const signal = call.abortSignal ?? (abortSignal as AbortSignal | undefined);
  const headers: Record<string, string> = { ...call.headers };
  if (call.authconfig !== undefined) headers['X-Registry-Auth'] = encode(call.authconfig);
  if (call.registryconfig !== undefined) headers['X-Registry-Config'] = encode(call.registryconfig);
  const body = call.file ?? (call.method === 'POST' ? jsonBody(options) : undefined);
  return { method: call.method, path: pathWithQuery(call.path, options), headers, signal, ...(body === undefined ? {} : { body }) };
}

function pathWithQuery(path: string, options: Readonly<Record<string, unknown>>): string {
  if (!path.endsWith('?')) return path;
  const query = (options['_query'] ?? options) as Readonly<Record<string, unknown>>;
  const plain = Object.entries(query).filter(([, value]) => value !== undefined);
  const values = plain.map(([name, value]) => [name, isObject(value) ? JSON.stringify(value) : value]);
  return values.length === 0 ? path.slice(0, -1) : path + stringify(Object.fromEntries(values));
}

function jsonBody(options: Readonly<Record<string, unknown>>): string | undefined {
  const text = JSON.stringify(options['_body'] ?? options);
  return text === '{}' ? undefined : text;
}

/** Base64 with the URL-safe alphabet, as the engine decodes these headers. */
function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return body;
  }
}
