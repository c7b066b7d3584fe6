import type { Readable } from 'node:stream';

/**
 * All HTTP of the program (packages, indexes, registries) goes through this port. Transient errors (connection, 5xx, 429
 * with Retry-After) are retried with back-off. What stays wrong becomes `Failed`: `not-found` for 404/410, `registry` for
 * everything else, `offline` when the network is forbidden; messages name the subject and the host, never credentials.
 */
export interface Http {
  /** The whole body in memory, at most `limit` bytes (default 64 MiB). */
  get(url: string, options: HttpOptions): Promise<HttpResponse>;
  /** The body as a stream; fails by `Failed` through the stream's error. */
  stream(url: string, options: HttpOptions): Promise<Readable>;
}

export interface HttpOptions {
  /** What is being fetched, for messages: `flask 3.1.0`, `index page of flask`. */
  readonly subject: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as Authorization; never shown, not followed across origins. */
  readonly authorization?: string;
  readonly limit?: number;
  /** Goes before requests that are not: much is to be done with what comes. */
  readonly urgent?: boolean;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** After redirects. */
  readonly url: string;
}
