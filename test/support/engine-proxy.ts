import { createServer, connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';

export const ENGINE_SOCKET = '/var/run/docker.sock';

/** A socket in front of the real engine that a test can break. */
export interface EngineProxy {
  /** In the syntax of DOCKER_HOST. */
  readonly host: string;
  /** The engine is killed: every connection breaks, nothing answers any more. */
  kill(): Promise<void>;
  /** The engine is stopped: connections stay, and are accepted, but nothing moves. */
  freeze(): void;
  /** It is killed when a request whose first line matches has sent so many bytes; resolves when that has happened. */
  killDuring(request: RegExp, bytes: number): Promise<void>;
}

export async function engineProxy(dir: string): Promise<EngineProxy> {
  const path = join(dir, 'engine.sock');
  const sockets = new Set<Socket>();
  let frozen = false;
  let watch: { readonly request: RegExp; readonly bytes: number; readonly reached: () => void } | undefined;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (frozen) return void sockets.add(client.on('error', () => undefined));
    const engine = connect({ path: ENGINE_SOCKET, allowHalfOpen: true });
    for (const [from, to] of [[client, engine], [engine, client]] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
    let sent: number | undefined;
    client.on('data', (chunk: Buffer) => {
      if (watch?.request.test(chunk.toString('latin1', 0, 1000).split('\r\n', 1)[0]!) === true) sent = 0;
      if (sent !== undefined && (sent += chunk.length) >= (watch?.bytes ?? Infinity)) watch?.reached();
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const kill = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    host: `unix://${path}`,
    kill,
    killDuring: (request, bytes) =>
      new Promise<void>((resolve) => {
        watch = { request, bytes, reached: () => void ((watch = undefined), kill().then(resolve)) };
      }),
    freeze: () => {
      frozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
  };
}
