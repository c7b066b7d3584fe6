import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSocket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const USER = 'dev';
export const PASSWORD = 'secret:with:colons';
/** The user and the password above as htpasswd has them; cheap rounds, since the registry checks every request. */
const HTPASSWD = 'dev:$2b$04$grJckxIZKPxjbtygH56/Vu8yxHVDa6GvR3AoQBmb6vL6wkgHcfMkC\n';

/** A real registry (Distribution, Debian's package docker-registry) on loopback. */
export interface ImageRegistry {
  /** `127.0.0.1:34567` */
  readonly host: string;
  close(): Promise<void>;
}

export interface RegistrySettings {
  /** Only the user above may do anything. */
  readonly password?: boolean;
  /** Locations without scheme and host. */
  readonly relative?: boolean;
}

/** Starts a registry with an empty storage and waits until it answers. */
export async function startImageRegistry({ password = false, relative = false }: RegistrySettings = {}): Promise<ImageRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelwright-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  await writeFile(join(folder, 'htpasswd'), HTPASSWD);
  await writeFile(
    join(folder, 'config.yml'),
    JSON.stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: { addr: host, secret: 'of the test', relativeurls: relative },
      ...(password ? { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } } : {}),
    }),
  );
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let problem: Error | undefined;
  child.on('error', (error) => (problem = new Error(`docker-registry can't be started (apt-get install docker-registry): ${error.message}`)));
  const stop = () => void child.kill('SIGKILL');
  process.once('exit', stop);
  for (let tries = 0; !(await answers(host)); tries += 1) {
    if (problem !== undefined) throw problem;
    if (child.exitCode !== null || tries > 600) throw new Error(`docker-registry does not answer on ${host} (status ${child.exitCode})`);
    await sleep(50);
  }
  return {
    host,
    close: async () => {
      process.off('exit', stop);
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Answers itself and returns true, or lets the request pass. */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface RegistryProxy extends ImageRegistry {
  /** `METHOD /path` of all requests. */
  readonly requests: string[];
  /** Bytes that were sent in bodies. */
  sent: number;
  interfere: Interference | undefined;
}

/** Stands before a registry: counts, and misbehaves where it is told to. */
export async function startRegistryProxy(target: string, interfere?: Interference): Promise<RegistryProxy> {
  const [hostname, port] = target.split(':');
  const server = createServer((request, response) => {
    proxy.requests.push(`${request.method} ${request.url}`);
    request.on('data', (chunk: Buffer) => (proxy.sent += chunk.length));
    request.pause();
    if (proxy.interfere?.(request, response) === true) return;
    // The host stays: the registry makes addresses out of it.
    const onward = httpRequest({ hostname, port, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: RegistryProxy = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    sent: 0,
    interfere,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

export interface TokenService {
  /** For `startRegistryProxy`. */
  readonly interfere: Interference;
  /** Each token that was given: for which scopes, and as whom. */
  readonly given: { readonly scopes: readonly string[]; readonly user: string | undefined; readonly token: string }[];
  /** Tokens that are accepted no more. */
  readonly expired: Set<string>;
  /** For OAuth 2 (POST). */
  readonly refreshToken: string;
}

/**
 * The token protocol of Docker Hub and most others, before a registry without authentication: the service lies under
 * `/token` of the same address. Anonymous users get tokens for pulling only.
 */
export function tokenService(): TokenService {
  const given: TokenService['given'] = [];
  const expired = new Set<string>();
  const refreshToken = 'the refresh token';
  const give = (response: ServerResponse, scopes: readonly string[], user: string | undefined): void => {
    const token = `token-${given.length}`;
    given.push({ scopes, user, token });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token, expires_in: 300 }));
  };
  const interfere: Interference = (request, response) => {
    const url = new URL(request.url as string, `http://${request.headers.host}`);
    if (url.pathname === '/token') {
      if (request.method === 'POST') {
        let form = '';
        request.setEncoding('utf8').on('data', (text: string) => (form += text)).on('end', () => {
          const fields = new URLSearchParams(form);
          if (fields.get('refresh_token') !== refreshToken) return void response.writeHead(401).end();
          give(response, (fields.get('scope') ?? '').split(' '), 'by refresh token');
        });
        request.resume();
        return true;
      }
      const [user, password] = pair(request.headers.authorization);
      if (user !== undefined && (user !== USER || password !== PASSWORD)) {
        response.writeHead(401).end();
        return true;
      }
      give(response, url.searchParams.getAll('scope'), user);
      return true;
    }
    const known = given.find(({ token }) => request.headers.authorization === `Bearer ${token}` && !expired.has(token));
    const path = /^\/v2\/(.+)\/(?:manifests|blobs|tags)\//.exec(url.pathname)?.[1];
    const action = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : request.method === 'DELETE' && !url.pathname.includes('/uploads/') ? 'delete' : 'push';
    const allowed = known !== undefined && path !== undefined && (action === 'pull' || known.user !== undefined) &&
      known.scopes.some((scope) => scope.startsWith(`repository:${path}:`) && scope.slice(scope.lastIndexOf(':') + 1).split(',').includes(action));
    if (allowed) return false;
    const insufficient = known === undefined ? '' : ',error="insufficient_scope"';
    response.writeHead(401, {
      'www-authenticate': `Bearer realm="http://${request.headers.host}/token",service="test service"${insufficient}`,
      'content-type': 'application/json',
    }).end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }));
    return true;
  };
  return { interfere, given, expired, refreshToken };
}

function pair(authorization: string | undefined): [string | undefined, string | undefined] {
  if (authorization?.startsWith('Basic ') !== true) return [undefined, undefined];
  const text = Buffer.from(authorization.slice(6), 'base64').toString();
  return [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)];
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket();
    socket.once('error', reject);
    socket.listen(0, '127.0.0.1', () => {
      const { port } = socket.address() as AddressInfo;
      socket.close(() => resolve(port));
    });
  });
}

function answers(host: string): Promise<boolean> {
  return fetch(`http://${host}/v2/`).then(() => true, () => false);
}
