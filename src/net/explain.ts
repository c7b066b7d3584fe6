import { Failed } from '../core/failure.js';
import { hostOf, redactUrl } from './redact.js';

/** An answer or the lack of one, before it is put into words. */
export type Trouble =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number }
  | { readonly kind: 'silence'; readonly seconds: number }
  | { readonly kind: 'connection'; readonly code: string }
  | { readonly kind: 'cut' }
  | { readonly kind: 'garbage'; readonly what: string }
  | { readonly kind: 'changed' };

/** Thrown within this module; what is left of it after the last attempt becomes a Failed. */
export class RequestTrouble extends Error {
  constructor(readonly trouble: Trouble, readonly url: string, options?: ErrorOptions) {
    super(trouble.kind, options);
    this.name = 'RequestTrouble';
  }
}

/** May pass by itself. */
export function isTransient(trouble: Trouble): boolean {
  switch (trouble.kind) {
    case 'status':
      return trouble.status === 408 || trouble.status === 425 || trouble.status === 429 || trouble.status >= 500;
    case 'connection':
      return !isCertificate(trouble.code);
    case 'garbage':
    case 'changed':
      return false;
    default:
      return true;
  }
}

/** In a few words, for a warning between attempts and as the end of a message. */
export function describe(trouble: Trouble): string {
  switch (trouble.kind) {
    case 'status':
      return `answers ${trouble.status}`;
    case 'silence':
      return `says nothing for ${trouble.seconds} s`;
    case 'cut':
      return 'closes the connection before the end';
    case 'garbage':
      return `sends something that is not HTTP or not what it says (${trouble.what})`;
    case 'changed':
      return 'sends another file at each attempt';
    case 'connection':
      return CONNECTION[trouble.code] ?? (isCertificate(trouble.code) ? `shows a certificate that is not trusted (${trouble.code})` : `can't be reached (${trouble.code})`);
  }
}

const CONNECTION: Readonly<Record<string, string>> = {
  ENOTFOUND: 'has no address (DNS)',
  EAI_AGAIN: "can't be looked up (DNS does not answer)",
  ECONNREFUSED: 'refuses the connection',
  ECONNRESET: 'closes the connection',
  EHOSTUNREACH: "can't be reached (no route)",
  ENETUNREACH: "can't be reached (no network)",
  ETIMEDOUT: 'does not accept the connection in time',
  CERT_HAS_EXPIRED: 'shows a certificate that has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate for another name',
};

/** The other side's certificate is not one to trust. */
export function isCertificateTrouble(trouble: Trouble): boolean {
  return trouble.kind === 'connection' && isCertificate(trouble.code);
}

function isCertificate(code: string): boolean {
  return /CERT|SIGNATURE|ISSUER|_TLS_/.test(code);
}

/** The failure that the user sees; never with credentials. `verb` as in "can't push …". */
export function failureOf(error: RequestTrouble, subject: string, verb = 'fetch'): Failed {
  const { trouble, url } = error;
  const host = hostOf(url);
  const cause = { cause: error };
  if (trouble.kind === 'status' && (trouble.status === 404 || trouble.status === 410)) {
    return new Failed({ reason: 'not-found', message: `${subject} is not there: ${redactUrl(url)} answers ${trouble.status}`, advice: 'Check the name, the version and the address of the registry' }, cause);
  }
  if (trouble.kind === 'status' && (trouble.status === 401 || trouble.status === 403)) {
    return new Failed({ reason: 'registry', message: `${host} refuses ${subject} (${trouble.status})`, advice: `Give credentials for ${host}, or check that they are valid and may read this` }, cause);
  }
  if (trouble.kind === 'status' && trouble.status === 407) {
    return new Failed({ reason: 'registry', message: `the proxy refuses the request for ${subject} (407)`, advice: 'Put user name and password into network.proxy' }, cause);
  }
  const advice = adviceFor(trouble);
  return new Failed({ reason: 'registry', message: `can't ${verb} ${subject}: ${host} ${describe(trouble)}`, ...(advice === undefined ? {} : { advice }) }, cause);
}

function adviceFor(trouble: Trouble): string | undefined {
  if (trouble.kind === 'status' && trouble.status === 429) return 'Wait a little, or use fewer jobs (--jobs)';
  if (trouble.kind === 'connection' && isCertificate(trouble.code)) return 'If a company proxy or registry has its own certificate authority, set network.ca to its bundle';
  if (trouble.kind === 'connection') return 'Check the name in the settings, the network and network.proxy';
  if (trouble.kind === 'status' && trouble.status >= 500) return 'Run again later: everything that was finished is kept';
  if (trouble.kind === 'silence') return 'See whether the registry works; for one that is only slow raise network.timeout (seconds)';
  if (trouble.kind === 'cut') return 'Run again: everything that was finished is kept. If it stays so, a proxy may cut long downloads';
  if (trouble.kind === 'garbage' || trouble.kind === 'changed') return 'Check the address in the settings: something else (a proxy, a login page) may answer in its place';
  return undefined;
}
