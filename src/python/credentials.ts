import type { IndexOptions, Requirement, SourceUrl } from './requirement.js';

/** What to send with a request, and the address without user name and password. */
export interface Access {
  readonly url: string;
  readonly authorization?: string;
}

/** Finds the credentials for an address: its own, or those of an index or requirement on the same origin (pip's rule). */
export type Credentials = (url: string) => Access;

/** Collects them from everything that the files and settings name. */
export function credentialsOf(options: Pick<IndexOptions, 'indexUrl' | 'extraIndexUrls' | 'findLinks'>, requirements: readonly Requirement[]): Credentials {
  const urls: readonly SourceUrl[] = [
    ...(options.indexUrl === undefined ? [] : [options.indexUrl]),
    ...options.extraIndexUrls,
    ...options.findLinks.flatMap((link) => ('url' in link ? [link.url] : [])),
    ...requirements.flatMap(({ source }) => ('url' in source ? [source.url] : [])),
  ];
  // Records hold the shown form only; the full one (secret query parameters) is known while the files name it.
  const full = new Map(urls.map(({ url, shown }) => [shown, url]));
  const origins = new Map<string, string>();
  for (const { url } of urls) {
    const own = authorizationOf(url);
    if (own !== undefined && !origins.has(new URL(url).origin)) origins.set(new URL(url).origin, own);
  }
  return (shown) => {
    const url = full.get(shown) ?? shown;
    if (!URL.canParse(url)) return { url };
    const authorization = authorizationOf(url) ?? origins.get(new URL(url).origin);
    return { url: withoutUser(url), ...(authorization === undefined ? {} : { authorization }) };
  };
}

function authorizationOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, username, password } = new URL(url);
  if (!/^https?:$/.test(protocol) || (username === '' && password === '')) return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
}

function withoutUser(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}
