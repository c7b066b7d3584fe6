import type { Duplex } from 'node:stream';
import type { IncomingHttpHeaders } from 'node:http2';
import { frameOf, GRPC, GrpcError, readMessages } from './grpc-messages.js';

/** Calls methods of a gRPC server on one connection. */
export interface GrpcClient {
  /** Resolves to all messages of the answer. Fails with GrpcError where the server says so, otherwise with what broke the connection. */
  call(path: string, request: Buffer): Promise<readonly Buffer[]>;
  close(): void;
}

/** HTTP/2 begins on the connection at once, without TLS or negotiation. */
export async function grpcClient(socket: Duplex): Promise<GrpcClient> {
  const { connect } = await import('node:http2');
  const session = connect('http://localhost', { createConnection: () => socket });
  // What breaks the connection breaks its calls.
  session.on('error', () => undefined);
  const call = async (path: string, request: Buffer): Promise<readonly Buffer[]> => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    let status: IncomingHttpHeaders = {};
    // An answer without messages has its status in the headers.
    for (const event of ['response', 'trailers'] as const) stream.on(event, (headers: IncomingHttpHeaders) => (status = 'grpc-status' in headers ? headers : status));
    stream.end(frameOf(request));
    const messages: Buffer[] = [];
    for await (const message of readMessages(stream)) messages.push(message);
    const code = Number(status['grpc-status'] ?? GRPC.unknown);
    if (code !== 0) throw new GrpcError(code, decodeURIComponent(String(status['grpc-message'] ?? 'no status')));
    return messages;
  };
  return { call, close: () => (session.destroy(), socket.destroy()) };
}
