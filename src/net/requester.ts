import type { Readable } from 'node:stream';
import { Failed, type Problem } from '../core/failure.js';

/**
 * HTTP for protocols that write, such as a registry's: any method, bodies as streams, and statuses as answers. The same
 * rules for certificates, proxies, credentials, redirects and time-outs hold as for `Http`.
 */
export interface Requester {
  /**
   * One attempt. Statuses that may pass by themselves (408, 425, 429, 5xx) and connection errors are `Failed`, every other
   * status is an answer. Redirects are followed for GET and HEAD; a body goes nowhere but where it was addressed to.
   */
  send(url: string, options: SendOptions): Promise<Reply>;
  /**
   * Repeats an attempt (of one `send` or several) while it fails by what may pass, with back-off or as Retry-After says.
   * An attempt that got further than the ones before it says so by calling `progressed`, which starts the count anew.
   */
  attempts<T>(options: AttemptOptions, attempt: (progressed: () => void) => Promise<T>): Promise<T>;
}

/** How a request failed: by its answer's status, by the other side's certificate, or without an answer. */
export type FailureKind = 'status' | 'certificate' | 'garbage' | 'silence' | 'connection';

/** What `send` fails with where it is not about us (offline, interrupted, a body that can't be read). */
export class RequestFailed extends Failed {
  constructor(problems: readonly Problem[], readonly kind: FailureKind, options: ErrorOptions) {
    super(problems, options);
  }
}

export interface AttemptOptions {
  /** What it is about, for messages: `the manifest of team/web:1f2e`. */
  readonly subject: string;
  /** As in "can't push …". Default `fetch`. */
  readonly verb?: string;
  readonly signal?: AbortSignal;
}

export interface SendOptions extends AttemptOptions {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as Authorization; never shown, not followed across origins. */
  readonly authorization?: string;
  readonly body?: Buffer | StreamedBody;
  /** Longest answer in bytes. Default 4 MiB. */
  readonly limit?: number;
}

export interface StreamedBody {
  readonly stream: Readable;
  /** Bytes. */
  readonly length: number;
}

export interface Reply {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** After redirects, without credentials. */
  readonly url: string;
}
