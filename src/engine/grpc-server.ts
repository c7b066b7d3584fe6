import { once } from 'node:events';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { frameOf, GRPC, GrpcError, readMessages } from './grpc-messages.js';

export interface Call {
  /** The call's metadata. */
  readonly headers: IncomingHttpHeaders;
  /** Ends when the client has no more; throws when the call is broken off. */
  readonly messages: AsyncIterable<Buffer>;
}

/** One method: what it yields is sent as it comes. */
export type Method = (call: Call) => AsyncIterable<Buffer>;

/** A method with one message each way. */
export function unary(answer: (request: Buffer) => Promise<Buffer>): Method {
  return async function* ({ messages }) {
    let request: Buffer | undefined;
    for await (const message of messages) request ??= message;
    yield await answer(request ?? Buffer.alloc(0));
  };
}

/** Answers one call of gRPC (HTTP/2, length-prefixed messages, the status in trailers). Never throws; tells what failed. */
export async function serveCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, methods: ReadonlyMap<string, Method>): Promise<unknown> {
  const closed = new AbortController();
  stream.on('close', () => closed.abort());
  // What breaks a stream ends the reading and writing below.
  stream.on('error', () => undefined);
  let status: { code: number; message: string } = { code: GRPC.ok, message: '' };
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status.code), 'grpc-message': encodeURIComponent(status.message) }));
  try {
    const method = methods.get(headers[':path'] ?? '');
    if (method === undefined) throw new GrpcError(GRPC.unimplemented, 'no such method here');
    for await (const message of method({ headers, messages: readMessages(stream) })) {
      if (stream.closed) break;
      if (!stream.write(frameOf(message))) await once(stream, 'drain', { signal: closed.signal });
    }
    return undefined;
  } catch (error) {
    status = error instanceof GrpcError ? { code: error.status, message: error.message } : { code: GRPC.unknown, message: 'the client could not answer' };
    return error;
  } finally {
    // Nothing more is read: what still comes is let go.
    stream.resume();
    if (!stream.closed) stream.end();
  }
}
