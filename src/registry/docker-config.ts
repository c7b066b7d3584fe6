import { fail } from '../core/failure.js';
import { parsePair, type Credentials } from './credentials.js';

/** What a Docker configuration (`config.json`, also the value of DOCKER_AUTH_CONFIG) says of credentials. */
export interface DockerConfig {
  /** By registry, as `Repository.registry` names it. */
  readonly auths: ReadonlyMap<string, Credentials>;
  /** Helper program by registry. */
  readonly helpers: ReadonlyMap<string, string>;
  /** Helper program for all other registries. */
  readonly store?: string;
}

/** How Docker Hub is named in these files. */
export const HUB_ADDRESS = 'https://index.docker.io/v1/';

/** Reads a configuration; `source` names it in messages. Its content is never quoted. */
export function parseDockerConfig(text: string, source: string): DockerConfig {
  const root = members(parse(text, source));
  const auths = new Map<string, Credentials>();
  for (const [address, entry] of Object.entries(members(root['auths']))) {
    const credentials = entryCredentials(members(entry));
    if (credentials !== undefined) auths.set(registryOf(address), credentials);
  }
  const helpers = new Map<string, string>();
  for (const [address, helper] of Object.entries(members(root['credHelpers']))) {
    if (typeof helper === 'string' && helper !== '') helpers.set(registryOf(address), helper);
  }
  const store = root['credsStore'];
  return { auths, helpers, ...(typeof store === 'string' && store !== '' ? { store } : {}) };
}

/** `https://index.docker.io/v1/` → `docker.io`, `https://registry.example.com/v2/` → `registry.example.com`. */
export function registryOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').split('/', 1)[0] as string;
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

/** How credential files, helpers and engines name a registry. */
export function addressOf(registry: string): string {
  return registry === 'docker.io' ? HUB_ADDRESS : registry;
}

function entryCredentials(entry: Readonly<Record<string, unknown>>): Credentials | undefined {
  const text = (name: string): string => (typeof entry[name] === 'string' ? (entry[name] as string) : '');
  if (text('identitytoken') !== '') return { kind: 'identity-token', token: text('identitytoken') };
  if (text('registrytoken') !== '') return { kind: 'access-token', token: text('registrytoken') };
  if (text('username') !== '') return { kind: 'password', username: text('username'), password: text('password') };
  if (text('auth') === '') return undefined;
  // Some tools pad the value with NULs.
  return parsePair(Buffer.from(text('auth'), 'base64').toString('utf8').replace(/\0+$/, ''));
}

function parse(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fail({ reason: 'config', message: `${source} is not JSON`, advice: 'repair it, or log in again with `docker login`' });
  }
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
