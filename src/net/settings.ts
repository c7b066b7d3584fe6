import type { Emit } from '../core/events.js';

/** How the program reaches the network; from the project file and the command line; of the environment only what Node itself would obey. */
export interface HttpSettings {
  /** Absolute path of a PEM bundle that is trusted besides the usual authorities. */
  readonly ca?: string;
  /** Another such bundle, which is left out where it can't be read, as Node does with NODE_EXTRA_CA_CERTS. */
  readonly extraCa?: string;
  /** Proxy for http and https, `http://[user:password@]host:port`. */
  readonly proxy?: string;
  /** Hosts reached without the proxy: `host`, `host:port`, `.domain`, an IP address, or `*`. */
  readonly noProxy?: readonly string[];
  /** Only file: URLs work. */
  readonly offline?: boolean;
  readonly timeouts?: Partial<Timeouts>;
  /** Attempts after the first, for what may pass by itself. Default 3. */
  readonly retries?: number;
  /** First pause between attempts in milliseconds; doubles each time. Default 500. */
  readonly backoff?: number;
  /** Longest pause that a Retry-After is obeyed for, in milliseconds. Default 60 s. */
  readonly longestPause?: number;
  /** Requests at once. Default 16. */
  readonly concurrency?: number;
  readonly userAgent?: string;
  readonly emit?: Emit;
}

/** Milliseconds. */
export interface Timeouts {
  /** Name look-up, connecting and the TLS handshake, each. Default 15 s. */
  readonly connect: number;
  /** Silence before the answer's headers or between two pieces of its body. Default 30 s. */
  readonly read: number;
}
