import { isIPv4 } from 'node:net';
import { fail } from '../core/failure.js';
import { canonicalName, parseReference } from '../docker/reference.js';

/** Where a repository lies. */
export interface Repository {
  /** Its registry as people and credential files name it: `registry.example.com:5000`, `docker.io`. */
  readonly registry: string;
  /** Host and port that serve the API; another one than `registry` for Docker Hub only. */
  readonly host: string;
  /** Path of the repository in its registry: `team/web`. */
  readonly path: string;
  /** Schemes to try, in this order. */
  readonly schemes: readonly ('https' | 'http')[];
}

const HUB = 'docker.io';
const HUB_HOST = 'registry-1.docker.io';

/**
 * The place of a repository, written as `registry.example.com:5000/team/web` (a tag or digest is left out). Plain http is
 * for loopback hosts and for those in `insecure` only.
 */
export function repositoryAt(text: string, insecure: readonly string[]): Repository {
  const reference = parseReference(text);
  if (reference === undefined) return fail({ reason: 'usage', message: `"${text}" is no repository of a container registry` });
  const name = canonicalName(reference);
  const slash = name.indexOf('/');
  const registry = name.slice(0, slash);
  return { registry, host: registry === HUB ? HUB_HOST : registry, path: name.slice(slash + 1), schemes: schemesFor(registry, insecure) };
}

/** True for a host (with or without a port) that is this machine. */
export function isLoopback(host: string): boolean {
  const name = hostname(host);
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

function schemesFor(registry: string, insecure: readonly string[]): Repository['schemes'] {
  if (isLoopback(registry)) return ['http', 'https'];
  return insecure.includes(registry) || insecure.includes(hostname(registry)) ? ['https', 'http'] : ['https'];
}

function hostname(host: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(host)?.[1];
  return (bracketed ?? host.replace(/:[0-9]+$/, '')).toLowerCase();
}
