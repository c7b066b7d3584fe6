import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Failed } from '../core/failure.js';
import type { BuildSession } from './engine.js';
import type { Method } from './grpc-server.js';
import { serveCall } from './grpc-server.js';
import { sessionMethods } from './session-methods.js';
import type { Transport } from './transport.js';

export interface OpenSession {
  /** Named in the build's request. */
  readonly id: string;
  /** Why a question of the builder could not be answered. */
  readonly failure: () => Failed | undefined;
  close(): void;
}

/**
 * Opens a session of BuildKit: a connection on which the engine is the client and we answer its questions. It ends with
 * `close`, with the signal, or with the engine.
 */
export async function openSession(transport: Transport, session: BuildSession, signal: AbortSignal | undefined): Promise<OpenSession> {
  const id = randomUUID();
  const methods = sessionMethods(session);
  const headers = {
    'X-Docker-Expose-Session-Uuid': id,
    'X-Docker-Expose-Session-Name': 'wheelwright',
    'X-Docker-Expose-Session-Sharedkey': '',
    'X-Docker-Expose-Session-Grpc-Method': [...methods.keys()],
  };
  const socket = await transport.upgrade({ method: 'POST', path: '/session', headers, signal }, 'h2c');
  const served = await serve(socket, methods);
  return { id, ...served };
}

/** Answers calls on a connection until it is closed. */
export async function serve(socket: Duplex, methods: ReadonlyMap<string, Method>): Promise<Omit<OpenSession, 'id'>> {
  const { performServerHandshake } = await import('node:http2');
  const http2 = performServerHandshake(socket);
  let failure: Failed | undefined;
  http2.on('stream', (stream, headers) => {
    void serveCall(stream, headers, methods).then((error) => {
      if (error instanceof Failed) failure ??= error;
    });
  });
  // A session that breaks breaks its build: it is told there.
  http2.on('error', () => undefined);
  socket.on('error', () => undefined);
  socket.on('close', () => http2.destroy());
  return {
    failure: () => failure,
    close: () => {
      http2.destroy();
      socket.destroy();
    },
  };
}
