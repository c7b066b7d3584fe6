import { once } from 'node:events';
import type { Http2Stream, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';

/** The status codes of gRPC that we answer with. */
export const GRPC = { ok: 0, unknown: 2, notFound: 5, resourceExhausted: 8, unimplemented: 12, unavailable: 14 } as const;

/** Answered with its status and message; the text of any other error stays here. */
export class GrpcError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

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

const LARGEST_MESSAGE = 4 * 1024 * 1024;

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

/** Messages out of the stream: one byte (compressed or not), four bytes of length, the message. */
export async function* readMessages(stream: Http2Stream): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5) {
      if (rest[0] !== 0) throw new GrpcError(GRPC.unimplemented, 'compressed messages are not read');
      const length = rest.readUInt32BE(1);
      if (length > LARGEST_MESSAGE) throw new GrpcError(GRPC.resourceExhausted, 'a message of more than 4 MiB');
      if (rest.length < 5 + length) break;
      yield rest.subarray(5, 5 + length);
      rest = rest.subarray(5 + length);
    }
  }
}

/** A message with its prefix, as it travels. */
export function frameOf(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
