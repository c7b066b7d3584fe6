import { chooseChallenge, type Challenge } from './challenge.js';
import { basicAuthorization } from './credentials.js';
import { fetchToken, type Token, type TokenOptions } from './tokens.js';

/** `repository:team/web:pull,push` */
export function scopeOf(path: string, actions: 'pull' | 'pull,push' | 'delete'): string {
  return `repository:${path}:${actions}`;
}

/**
 * Who we are to one registry: knows how it wants to be asked, and holds an access token for each set of scopes. Several
 * requests that need the same token wait for one.
 */
export class Access {
  readonly #options: TokenOptions;
  #challenge: Challenge | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();

  /** `challenge`: what the registry asked for when it was first spoken to, if anything. */
  constructor(challenge: Challenge | undefined, options: TokenOptions) {
    this.#challenge = challenge;
    this.#options = options;
  }

  get withCredentials(): boolean {
    return this.#options.credentials !== undefined;
  }

  /** The Authorization header for a request; undefined if it needs none, or if there is nothing to offer. */
  async authorization(scopes: readonly string[]): Promise<string | undefined> {
    const { credentials } = this.#options;
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === 'basic') return credentials?.kind === 'password' ? basicAuthorization(credentials.username, credentials.password) : undefined;
    if (credentials?.kind === 'access-token') return `Bearer ${credentials.token}`;
    return `Bearer ${(await this.#token(this.#challenge, scopes)).value}`;
  }

  /**
   * After an answer of 401 to a request that was sent with `used`: true if it is worth sending again, because the token may
   * have expired or the registry asks for something else now.
   */
  renew(header: string | undefined, scopes: readonly string[], used: string | undefined): boolean {
    const challenge = chooseChallenge(header);
    if (challenge === undefined) return false;
    const changed = challenge.scheme !== this.#challenge?.scheme;
    this.#challenge = challenge;
    this.#tokens.delete(keyOf(scopes));
    if (challenge.scheme === 'bearer') return this.#options.credentials?.kind !== 'access-token' || used === undefined;
    return changed && this.withCredentials;
  }

  async #token(challenge: Challenge, scopes: readonly string[]): Promise<Token> {
    const key = keyOf(scopes);
    const known = this.#tokens.get(key);
    if (known !== undefined) {
      const token = await known;
      if (token.expires > this.#options.now()) return token;
    }
    // Another request may have asked for a new one while we looked at the old.
    const current = this.#tokens.get(key);
    if (current !== undefined && current !== known) return current;
    const fetched = fetchToken(challenge, scopes, this.#options);
    this.#tokens.set(key, fetched);
    // A service that failed once may be asked again.
    fetched.catch(() => this.#tokens.get(key) === fetched && this.#tokens.delete(key));
    return fetched;
  }
}

function keyOf(scopes: readonly string[]): string {
  return [...scopes].sort().join(' ');
}
