/**
 * A URL fit for messages: without user name, password, query and fragment (a query may hold a signature or a token).
 * Text that is no URL is shown as `(invalid URL)`, because what it holds is unknown.
 */
export function redactUrl(url: string | URL): string {
  const parsed = parseUrl(url);
  if (parsed === undefined) return '(invalid URL)';
  return parsed.protocol === 'file:' ? parsed.pathname : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

/** `registry.example.com:8080`, for messages. */
export function hostOf(url: string | URL): string {
  return parseUrl(url)?.host ?? '(invalid URL)';
}

/** User name and password of a URL as a Basic Authorization value; undefined if it has none. */
export function basicAuthorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  return `Basic ${Buffer.from(`${decode(url.username)}:${decode(url.password)}`).toString('base64')}`;
}

export function withoutCredentials(url: URL): URL {
  const copy = new URL(url);
  copy.username = '';
  copy.password = '';
  return copy;
}

function parseUrl(url: string | URL): URL | undefined {
  if (url instanceof URL) return url;
  return URL.canParse(url) ? new URL(url) : undefined;
}

/** A stray `%` is taken as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
