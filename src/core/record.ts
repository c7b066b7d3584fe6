import { createHash } from 'node:crypto';

/** Plain data that has exactly one canonical text. Numbers are integers; undefined members are left out. */
export type Data = null | boolean | number | string | readonly Data[] | { readonly [key: string]: Data | undefined };

/**
 * Canonical JSON: members sorted by UTF-16 code unit, no white space, integers only.
 * Sorting is by code unit and never by locale, so that every machine writes the same bytes.
 */
export function canonical(data: Data): string {
  if (Array.isArray(data)) return `[${data.map(canonical).join(',')}]`;
  if (data !== null && typeof data === 'object') {
    const members = data as { readonly [key: string]: Data | undefined };
    const keys = Object.keys(members).filter((key) => members[key] !== undefined);
    keys.sort(compare);
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(members[key] as Data)}`).join(',')}}`;
  }
  if (typeof data === 'number' && !Number.isSafeInteger(data)) throw new TypeError(`not an integer: ${data}`);
  return JSON.stringify(data);
}

/** SHA-256 of the canonical text, branded by the caller: `hashRecord<PackageKey>(record)`. */
export function hashRecord<Identity extends string>(record: Data): Identity {
  return createHash('sha256').update(canonical(record)).digest('hex') as Identity;
}

/** Ordinal comparison (code units), the only one allowed in anything hashed or written. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
