import { fail } from '../core/failure.js';

/** Where an engine listens. */
export type EngineAddress =
  | { readonly type: 'socket'; readonly path: string }
  | { readonly type: 'tcp'; readonly hostname: string; readonly port: number; readonly tls: boolean };

export const DEFAULT_HOST = 'unix:///var/run/docker.sock';

/**
 * Parses the syntax of DOCKER_HOST: `unix:///path`, `npipe:////./pipe/name`, `tcp://host[:port]`, `http(s)://host[:port]`.
 * Ports default to 2375, and to 2376 with TLS. `ssh://` is refused with advice; anything else is a usage failure.
 */
export function parseHost(host: string, tls: boolean): EngineAddress {
  const match = /^([a-z]+):\/\/(.*)$/.exec(host);
  const scheme = match?.[1] ?? 'tcp';
  const rest = match?.[2] ?? host;
  if (scheme === 'unix' || scheme === 'npipe') {
    if (!rest.startsWith('/')) refuse(host, 'its path must be absolute');
    return { type: 'socket', path: rest };
  }
  if (scheme === 'ssh') {
    return fail({
      reason: 'usage',
      message: `an engine behind ssh (${host}) is not supported`,
      advice: `forward its socket with \`ssh -NL ./docker.sock:/var/run/docker.sock ${rest}\` and set DOCKER_HOST=unix://$PWD/docker.sock`,
    });
  }
  if (scheme !== 'tcp' && scheme !== 'http' && scheme !== 'https') refuse(host, `it cannot start with ${scheme}://`);
  return tcpAddress(host, rest, tls || scheme === 'https');
}

/** The address as a user would write it in DOCKER_HOST. */
export function formatHost(address: EngineAddress): string {
  return address.type === 'socket' ? `unix://${address.path}` : `tcp://${address.hostname}:${address.port}`;
}

function tcpAddress(host: string, rest: string, tls: boolean): EngineAddress {
  const url = URL.canParse(`tcp://${rest}`) ? new URL(`tcp://${rest}`) : undefined;
  if (url === undefined || url.hostname === '') return refuse(host, 'it names no host');
  if (url.pathname !== '' && url.pathname !== '/') return refuse(host, 'it cannot have a path');
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  return { type: 'tcp', hostname, port: url.port === '' ? (tls ? 2376 : 2375) : Number(url.port), tls };
}

function refuse(host: string, why: string): never {
  return fail({
    reason: 'usage',
    message: `"${host}" is not an engine's address: ${why}`,
    advice: 'set DOCKER_HOST to something like unix:///var/run/docker.sock or tcp://host:2375',
  });
}
