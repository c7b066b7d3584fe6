import type { Http2Stream } from 'node:http2';

/** The status codes of gRPC that we answer with. */
export const GRPC = { ok: 0, unknown: 2, notFound: 5, resourceExhausted: 8, unimplemented: 12, unavailable: 14 } as const;

/** How a call ends that does not end well. A server tells its status and message, and nothing of any other error. */
export class GrpcError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

const LARGEST_MESSAGE = 4 * 1024 * 1024;

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
