/** Where the two streams of a container without a terminal go. A promise asks the caller to wait with more. */
export interface Sinks {
  readonly stdout: Sink;
  readonly stderr: Sink;
}

type Sink = (chunk: Buffer) => void | Promise<void>;

const HEADER = 8;

/**
 * Splits the engine's multiplexed stream: frames of an 8-byte header (stream number, three zeros, big-endian length) and
 * a payload. Payloads are handed on as they arrive, in order, at once and without copies.
 */
export class Demultiplexer {
  private readonly header = Buffer.alloc(HEADER);
  private headerLength = 0;
  private remaining = 0;
  private sink: Sink;
  private waits: Promise<void>[] = [];

  constructor(private readonly sinks: Sinks) {
    this.sink = sinks.stdout;
  }

  /** Hands on what the chunk holds; the promise, if any, says when the sinks want more. */
  write(chunk: Buffer): Promise<unknown> | undefined {
    let position = 0;
    while (position < chunk.length) position += this.remaining === 0 ? this.readHeader(chunk, position) : this.readPayload(chunk, position);
    if (this.waits.length === 0) return undefined;
    return Promise.all(this.waits.splice(0));
  }

  /** True between two frames: a stream that ends elsewhere was cut. */
  get complete(): boolean {
    return this.remaining === 0 && this.headerLength === 0;
  }

  private readHeader(chunk: Buffer, position: number): number {
    const copied = chunk.copy(this.header, this.headerLength, position);
    this.headerLength += copied;
    if (this.headerLength < HEADER) return copied;
    this.headerLength = 0;
    this.remaining = this.header.readUInt32BE(4);
    this.sink = this.header[0] === 2 ? this.sinks.stderr : this.sinks.stdout;
    return copied;
  }

  private readPayload(chunk: Buffer, position: number): number {
    const part = chunk.subarray(position, position + this.remaining);
    this.remaining -= part.length;
    const wait = this.sink(part);
    if (wait !== undefined) this.waits.push(wait);
    return part.length;
  }
}
