import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request before the registry answers it. */
export interface Asked {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** A registry in memory that does all that the distribution spec allows (uploads can be resumed), and misbehaves on demand. */
export interface FakeImageRegistry {
  readonly host: string;
  readonly asked: Asked[];
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
  /** Answers itself and returns true, or leaves the request to the registry. */
  misbehave: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** The next PATCH or PUT breaks after so many bytes; what came is kept. */
  breakAfter: number | undefined;
  close(): Promise<void>;
}

export async function startFakeImageRegistry(): Promise<FakeImageRegistry> {
  const uploads = new Map<string, Buffer[]>();
  let count = 0;
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const registry: FakeImageRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    blobs: new Map(),
    manifests: new Map(),
    misbehave: undefined,
    breakAfter: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return registry;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    registry.asked.push({ method, url, headers });
    if (registry.misbehave?.(request, response) === true) return;
    const { pathname, searchParams } = new URL(url, 'http://host');
    const [, path, kind, name = ''] = /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags)\/(.*)$/.exec(pathname) ?? [];
    if (pathname === '/v2/') return void response.writeHead(200).end();
    if (path === undefined) return void response.writeHead(404).end();
    const location = (id: string) => ({ location: `/v2/${path}/blobs/uploads/${id}` });
    if (kind === 'blobs/uploads') {
      if (method === 'POST') {
        const id = `upload-${(count += 1)}`;
        uploads.set(id, []);
        return void response.writeHead(202, location(id)).end();
      }
      const have = uploads.get(name);
      if (have === undefined) return void refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
      const range = () => ({ range: `0-${Math.max(0, lengthOf(have) - 1)}` });
      if (method === 'DELETE') return void (uploads.delete(name), response.writeHead(204).end());
      if (method === 'GET') return void response.writeHead(204, { ...location(name), ...range() }).end();
      const start = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
      if (start !== undefined && Number(start) !== lengthOf(have)) return void refuse(response, 416, 'SIZE_INVALID');
      await receive(request, have);
      if (method === 'PATCH') return void response.writeHead(202, { ...location(name), ...range() }).end();
      const digest = searchParams.get('digest') as string;
      uploads.delete(name);
      const all = Buffer.concat(have);
      if (sha256(all) !== digest) return void refuse(response, 400, 'DIGEST_INVALID');
      registry.blobs.set(digest, all);
      return void response.writeHead(201, { location: `/v2/${path}/blobs/${digest}`, 'docker-content-digest': digest }).end();
    }
    if (kind === 'blobs') {
      const blob = registry.blobs.get(name);
      return void (blob === undefined ? refuse(response, 404, 'BLOB_UNKNOWN') : response.writeHead(200, { 'content-length': blob.length }).end(method === 'HEAD' ? undefined : blob));
    }
    if (kind === 'manifests' && method === 'PUT') {
      const chunks: Buffer[] = [];
      await receive(request, chunks);
      const bytes = Buffer.concat(chunks);
      for (const key of [name, sha256(bytes)]) registry.manifests.set(`${path}:${key}`, { type: headers['content-type'] as string, bytes });
      return void response.writeHead(201, { 'docker-content-digest': sha256(bytes) }).end();
    }
    const manifest = registry.manifests.get(`${path}:${name}`);
    if (manifest === undefined) return void refuse(response, 404, 'MANIFEST_UNKNOWN');
    response.writeHead(200, { 'content-type': manifest.type, 'content-length': manifest.bytes.length, 'docker-content-digest': sha256(manifest.bytes) });
    response.end(method === 'HEAD' ? undefined : manifest.bytes);
  }

  async function receive(request: IncomingMessage, into: Buffer[]): Promise<void> {
    const limit = registry.breakAfter;
    let seen = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      into.push(chunk);
      seen += chunk.length;
      if (limit !== undefined && seen >= limit) {
        registry.breakAfter = undefined;
        request.socket.destroy();
        throw new Error('broken on demand');
      }
    }
  }
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((total, chunk) => total + chunk.length, 0);
}

export function refuse(response: ServerResponse, status: number, code: string, message = 'because'): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ code, message }] }));
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
