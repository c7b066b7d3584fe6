/**
 * True if this URL is reached without the proxy. An entry is a host name (which also covers its subdomains, with or
 * without a leading dot), a host with a port, an IP address, or `*`, as curl and Python's requests read NO_PROXY.
 */
export function bypassesProxy(url: URL, noProxy: readonly string[]): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return noProxy.some((written) => {
    const entry = written.trim().toLowerCase();
    if (entry === '') return false;
    if (entry === '*') return true;
    const match = /^\[?([^\]]*?)\]?(?::([0-9]+))?$/.exec(entry);
    const isPlainIpv6 = entry.split(':').length > 2 && !entry.startsWith('[');
    const name = (isPlainIpv6 ? entry : (match?.[1] ?? entry)).replace(/^\*?\./, '');
    if (!isPlainIpv6 && match?.[2] !== undefined && match[2] !== port) return false;
    return host === name || host.endsWith(`.${name}`);
  });
}
