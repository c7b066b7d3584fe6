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
}

export async function engineProxy(dir: string): Promise<EngineProxy> {
  const path = join(dir, 'engine.sock');
  const sockets = new Set<Socket>();
  let frozen = false;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (frozen) return void sockets.add(client.on('error', () => undefined));
    const engine = connect({ path: ENGINE_SOCKET, allowHalfOpen: true });
    for (const [from, to] of [[client, engine], [engine, client]] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    host: `unix://${path}`,
    kill: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    freeze: () => {
      frozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
  };
}
