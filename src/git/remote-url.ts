/**
 * A remote's address as it may be published in a label: without credentials, query and fragment. Undefined for a local
 * path, which means nothing on another machine, and for what cannot be parsed.
 */
export function publicUrl(remote: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(remote)) return publicOf(remote);
  // `user@host:path`, with git's own rule: a colon before any slash. One letter before the colon is a drive, and an `@`
  // after it may well be what ends a password.
  const scp = /^(?:([^@/:]+)@)?(\[[^\]/]+\]|[^@/:]{2,}):(?!\/\/)([^\0-\x20@]+)$/.exec(remote);
  if (!scp) return undefined;
  const [, user, host, path] = scp;
  return `${user === undefined ? '' : `${user}@`}${host}:${path}`;
}

function publicOf(remote: string): string | undefined {
  let url: URL;
  try {
    url = new URL(remote);
  } catch {
    return undefined;
  }
  const named = url.protocol === 'ssh:' || url.protocol === 'git+ssh:' || url.protocol === 'ssh+git:';
  if (!named && !['http:', 'https:', 'git:', 'ftp:', 'ftps:'].includes(url.protocol)) return undefined;
  if (url.host === '') return undefined;
  const user = named && url.username ? `${url.username}@` : '';
  return `${url.protocol}//${user}${url.host}${url.pathname}`;
}
