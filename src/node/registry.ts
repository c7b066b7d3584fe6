import { fail } from '../core/failure.js';
import type { Credentials, Npmrc } from './npmrc.js';

export interface Registries {
  /** Where names without a scope of their own come from; ends in a slash. Unknown where neither project nor builder say. */
  readonly main: string | undefined;
  /** What npm itself would use: in a lock its host stands for "the configured registry". */
  readonly npms: string | undefined;
  readonly npmrc: Npmrc;
}

/** `npms` is the default of the builder's own npm. */
export function registries(npmrc: Npmrc, setting: string | undefined, npms: string | undefined): Registries {
  const main = setting ?? npmrc.registry ?? npms;
  return { main: main === undefined ? undefined : withSlash(main), npms, npmrc };
}

export function registryOf(name: string, registries: Registries): string {
  const scope = name.startsWith('@') ? name.slice(0, name.indexOf('/')) : '';
  const registry = registries.npmrc.scopes.get(scope) ?? registries.main;
  if (registry !== undefined) return withSlash(registry);
  return fail({
    reason: 'unsupported',
    message: `${name} has no address in the lock, and there is no npm in the builder that knows a registry`,
    advice: 'set registry: in the project file or .npmrc',
  });
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
  if (setting === 'never' || registries.main === undefined || !URL.canParse(url)) return url;
  const resolved = new URL(url);
  const from = replacedHost(setting, registries.npms);
  if (setting !== 'always' && resolved.hostname !== from) return url;
  const registry = new URL(registries.main);
  resolved.protocol = registry.protocol;
  resolved.hostname = registry.hostname;
  resolved.port = registry.port;
  const path = registry.pathname.replace(/\/$/, '');
  if (path !== '' && resolved.pathname !== path && !resolved.pathname.startsWith(`${path}/`)) resolved.pathname = path + resolved.pathname;
  return resolved.href;
}

function replacedHost(setting: string, npms: string | undefined): string | undefined {
  const named = setting === 'npmjs' ? npms : setting;
  return named !== undefined && URL.canParse(named) ? new URL(named).hostname : named;
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
