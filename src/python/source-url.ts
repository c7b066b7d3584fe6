import { createHash } from 'node:crypto';
import type { SourceUrl } from './requirement.js';

/** A URL that no variable went into. */
export function sourceUrl(url: string): SourceUrl {
  return { url, shown: withoutCredentials(url) };
}

/**
 * A URL whose variables were filled in: `template` is the same with `${NAME}` in their place. Where a variable is more than
 * the credentials, 32 bits of a hash of the real address are added to what is shown, so that another address is another key
 * although the value itself never shows.
 */
export function sourceUrlOf(url: string, template: string): SourceUrl {
  const [address, shown] = [withoutCredentials(url), withoutCredentials(template)];
  if (address === shown) return { url, shown };
  return { url, shown: `${shown}#variables=${createHash('sha256').update(address).digest('hex').slice(0, 8)}` };
}

const USER_INFO = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)([^/?#]*)@/;
const SECRET_PARAMETER = /([?&][^=&#]*(?:token|secret|passw|signature|credential|auth|key|sig)[^=&#]*=)[^&#]*/gi;

/**
 * The URL without user name and password, and without the values of query parameters that sound secret. The user name of
 * an ssh URL is part of the address (`git@`), so it stays.
 */
export function withoutCredentials(url: string): string {
  const stripped = url.replace(USER_INFO, (_, scheme: string, userInfo: string) => {
    const user = userInfo.split(':')[0] as string;
    return /ssh:\/\/$/i.test(scheme) && user !== '' ? `${scheme}${user}@` : scheme;
  });
  return stripped.replace(SECRET_PARAMETER, '$1***');
}

/** What nearly every hash is: lock files have thousands. */
export const SHA256 = /^sha256:[0-9a-f]{64}$/;

/** Hex digits of each algorithm's digest. */
const HASH_LENGTHS: ReadonlyMap<string, number> = new Map([
  ['md5', 32],
  ['sha1', 40],
  ['sha224', 56],
  ['sha256', 64],
  ['sha384', 96],
  ['sha512', 128],
]);

/** `sha256:<hex>` in lower case; undefined for an unknown algorithm or a digest of the wrong length. */
export function parseHash(text: string): string | undefined {
  if (SHA256.test(text)) return text;
  const [algorithm, digest, ...rest] = text.toLowerCase().split(/[:=]/) as [string, string?, ...string[]];
  if (digest === undefined || rest.length > 0 || HASH_LENGTHS.get(algorithm) !== digest.length) return undefined;
  return /^[0-9a-f]+$/.test(digest) ? `${algorithm}:${digest}` : undefined;
}

/** What the fragment of a requirement's URL says: `#egg=name[extra]&subdirectory=x&sha256=…`. */
export interface Fragment {
  readonly egg?: string;
  readonly subdirectory?: string;
  readonly hashes: readonly string[];
}

export function splitFragment(url: string): { readonly base: string; readonly fragment: Fragment } {
  const start = url.indexOf('#');
  if (start === -1) return { base: url, fragment: { hashes: [] } };
  const members = url.slice(start + 1).split('&').map((member) => member.split(/=(.*)/s) as [string, string?]);
  const value = (name: string): string | undefined => members.find(([key]) => key === name)?.[1];
  const [egg, subdirectory] = [value('egg'), value('subdirectory')];
  const hashes = members.flatMap(([key, digest]) => (digest === undefined || !HASH_LENGTHS.has(key) ? [] : [`${key}:${digest.toLowerCase()}`]));
  return {
    base: url.slice(0, start),
    fragment: { hashes, ...(egg === undefined ? {} : { egg }), ...(subdirectory === undefined ? {} : { subdirectory }) },
  };
}
