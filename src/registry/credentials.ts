/** What proves to a registry who we are. Never shown, logged or stored. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token (OAuth 2), which buys access tokens. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** An access token, used as it is. */
  | { readonly kind: 'access-token'; readonly token: string };

/** The credentials for a registry, named as in `Repository.registry`; undefined where there are none. */
export type CredentialFinder = (registry: string) => Promise<Credentials | undefined>;

export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** `user:password`; the password may hold colons. Undefined for anything else. */
export function parsePair(text: string): Credentials | undefined {
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) };
}
