import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { integrity, sha256 } from './packages.js';

/** Answers a request itself and returns true, or leaves it to the registry. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A Python index and an npm registry on loopback, with packages of the test's own. */
export interface Registry {
  /** For `index:` of the project file. */
  readonly index: string;
  /** For `registry:`. */
  readonly npm: string;
  /** Paths that were asked for. */
  readonly requests: string[];
  /** Adds a wheel or source distribution by its file name. */
  addPython(filename: string, bytes: Buffer): void;
  addNpm(name: string, version: string, bytes: Buffer): void;
  misbehave(how: Misbehaviour | undefined): void;
  close(): Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const python = new Map<string, Buffer>();
  const npm = new Map<string, Map<string, Buffer>>();
  const requests: string[] = [];
  let misbehaviour: Misbehaviour | undefined;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url as string, 'http://host').pathname);
    requests.push(path);
    if (misbehaviour?.(request, response) === true) return;
    const answer = answerTo(path);
    if (answer === undefined) return void response.writeHead(404).end('not here');
    response.writeHead(200, { 'content-type': answer.type }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function answerTo(path: string): { type: string; body: string | Buffer } | undefined {
    const [, section, ...rest] = path.split('/');
    if (section === 'simple') return simplePage(rest[0] as string);
    if (section === 'files') return file(python.get(rest[0] as string));
    if (section === 'npm' && rest.at(-2) === '-') return file(npm.get(rest.slice(0, -2).join('/'))?.get(/-([0-9][^-]*)\.tgz$/.exec(rest.at(-1) as string)?.[1] ?? ''));
    return section === 'npm' ? packument(rest.join('/')) : undefined;
  }

  function simplePage(name: string) {
    const files = [...python].filter(([filename]) => filename.replaceAll('_', '-').startsWith(`${name}-`));
    if (files.length === 0) return undefined;
    return { type: 'text/html', body: files.map(([filename, bytes]) => `<a href="/files/${filename}#sha256=${sha256(bytes)}">${filename}</a>`).join('\n') };
  }

  function packument(name: string) {
    const versions = [...(npm.get(name) ?? [])].map(([version, bytes]) => {
      const dist = { tarball: `${origin}/npm/${name}/-/${name}-${version}.tgz`, integrity: integrity(bytes) };
      return [version, { name, version, dist }] as const;
    });
    return versions.length === 0 ? undefined : { type: 'application/json', body: JSON.stringify({ name, versions: Object.fromEntries(versions) }) };
  }

  return {
    index: `${origin}/simple/`,
    npm: `${origin}/npm/`,
    requests,
    addPython: (filename, bytes) => void python.set(filename, bytes),
    addNpm: (name, version, bytes) => void npm.set(name, new Map([...(npm.get(name) ?? []), [version, bytes]])),
    misbehave: (how) => void (misbehaviour = how),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function file(bytes: Buffer | undefined) {
  return bytes && { type: 'application/octet-stream', body: bytes };
}
