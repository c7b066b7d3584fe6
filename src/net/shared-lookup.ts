import { lookup, type LookupAddress, type LookupAllOptions, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** How long an answer holds, in ms. The system's resolver tells no time to live. */
const HOLDS = 60_000;

export type AskAll = (hostname: string, options: LookupAllOptions, callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;

export interface SharedLookupOptions {
  readonly ask?: AskAll;
  /** Milliseconds. */
  readonly now?: () => number;
}

interface Known {
  readonly addresses: Promise<readonly LookupAddress[]>;
  readonly until: number;
}

/**
 * The system's way from a name to addresses, asked once for all connections that want it at about the same time. A dozen
 * connections at once would send a dozen questions; name servers drop some of those, which are asked again after five
 * seconds, and each of them holds a thread of Node's pool meanwhile. What failed is asked again.
 */
export function sharedLookup({ ask = lookup, now = Date.now }: SharedLookupOptions = {}): LookupFunction {
  const known = new Map<string, Known>();

  function addressesOf(hostname: string, options: LookupOptions): Promise<readonly LookupAddress[]> {
    const { all: _, ...rest } = options;
    const key = JSON.stringify([hostname, rest]);
    const found = known.get(key);
    if (found !== undefined && found.until > now()) return found.addresses;
    const addresses = new Promise<readonly LookupAddress[]>((resolve, reject) => {
      ask(hostname, { ...rest, all: true }, (error, list) => (error === null ? resolve(list) : reject(error)));
    });
    known.set(key, { addresses, until: now() + HOLDS });
    addresses.catch(() => known.delete(key));
    return addresses;
  }

  return (hostname, options, callback) => {
    addressesOf(hostname, options).then(
      (list) => {
        const [first] = list;
        if (options.all === true) callback(null, [...list]);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}
