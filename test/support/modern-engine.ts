import { createServer, request as ask } from 'node:http';
import { join } from 'node:path';
import { ENGINE_SOCKET } from './engine-proxy.js';

/** The real engine as its newest version would be: it refuses old versions of its API. */
export interface ModernEngine {
  /** In the syntax of DOCKER_HOST. */
  readonly host: string;
  /** `POST /build`, in order, without what stands behind a question mark. */
  readonly requests: readonly string[];
  close(): void;
}

const NEWEST = '1.52';
const OLDEST = 44;

/** Behind a socket in this folder. */
export async function modernEngine(dir: string): Promise<ModernEngine> {
  const path = join(dir, 'modern.sock');
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url!.split('?')[0]}`);
    const minor = Number(/^\/v1\.(\d+)\//.exec(request.url!)?.[1] ?? OLDEST);
    if (minor < OLDEST) {
      response.writeHead(400, { 'Api-Version': NEWEST, 'Content-Type': 'application/json' });
      return void response.end(JSON.stringify({ message: `client version 1.${minor} is too old. Minimum supported API version is 1.${OLDEST}` }));
    }
    const outgoing = ask({ socketPath: ENGINE_SOCKET, path: request.url!, method: request.method!, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode!, { ...answer.headers, 'api-version': NEWEST });
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    request.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    host: `unix://${path}`,
    requests,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
