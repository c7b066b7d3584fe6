import type { Credentials, Npmrc } from './npmrc.js';

/** The one place that knows npm's public registry. In a lock it also stands for "the configured registry". */
export const PUBLIC_REGISTRY = 'https://registry.example/';

export interface Registries {
  /** Where names without a scope of their own come from; ends in a slash. */
  readonly main: string;
  readonly npmrc: Npmrc;
}

export function registries(npmrc: Npmrc, setting: string | undefined): Registries {
  return { main: withSlash(setting ?? npmrc.registry ?? PUBLIC_REGISTRY), npmrc };
}

export function registryOf(name: string, registries: Registries): string {
  const scope = name.startsWith('@') ? name.slice(0, name.indexOf('/')) : '';
  return withSlash(registries.npmrc.scopes.get(scope) ?? registries.main);
}

/** Where registries keep the tarball of a version, when a lock does not say. */
export function tarballUrl(name: string, version: string, registries: Registries): string {
  const file = name.replace(/^@[^/]+\//, '');
  return `${registryOf(name, registries)}${name}/-/${file}-${version}.tgz`;
}

/** The document that lists all versions of a package. */
export function packumentUrl(name: string, registries: Registries): string {
  return `${registryOf(name, registries)}${name.replace('/', '%2f')}`;
}

/**
 * A lock's URL with its host replaced by the configured registry's, by npm's rule (replace-registry-host): by default
 * only the public registry's, which is what a lock names when it does not matter where packages come from.
 */
export function replaceHost(url: string, registries: Registries): string {
  const setting = registries.npmrc.replaceRegistryHost;
  if (setting === 'never' || !URL.canParse(url)) return url;
  const resolved = new URL(url);
  const from = setting === 'npmjs' ? new URL(PUBLIC_REGISTRY).hostname : URL.canParse(setting) ? new URL(setting).hostname : setting;
  if (setting !== 'always' && resolved.hostname !== from) return url;
  const registry = new URL(registries.main);
  resolved.protocol = registry.protocol;
  resolved.hostname = registry.hostname;
  resolved.port = registry.port;
  const path = registry.pathname.replace(/\/$/, '');
  if (path !== '' && resolved.pathname !== path && !resolved.pathname.startsWith(`${path}/`)) resolved.pathname = path + resolved.pathname;
  return resolved.href;
}

/** The Authorization header for a URL: credentials of the longest `//host/path/` that holds it. Nothing for other hosts. */
export function authorization(url: string, registries: Registries): string | undefined {
  const { host, pathname } = new URL(url);
  for (let path = pathname; ; path = path.slice(0, path.lastIndexOf('/', path.length - 2) + 1)) {
    const found = registries.npmrc.credentials.get(`//${host}${withSlash(path)}`);
    const header = found && headerOf(found);
    if (header) return header;
    if (path === '/' || path === '') return undefined;
  }
}

function headerOf(credentials: Credentials): string | undefined {
  if (credentials.token) return `Bearer ${credentials.token}`;
  if (credentials.basic) return `Basic ${credentials.basic}`;
  if (credentials.username === undefined || credentials.password === undefined) return undefined;
  const password = Buffer.from(credentials.password, 'base64').toString('utf8');
  return `Basic ${Buffer.from(`${credentials.username}:${password}`).toString('base64')}`;
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
