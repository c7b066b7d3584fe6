/** Where the two streams of a container without a terminal go. */
export interface Sinks {
  readonly stdout: (chunk: Buffer) => void;
  readonly stderr: (chunk: Buffer) => void;
}

const HEADER = 8;

/**
 * Splits the engine's multiplexed stream: frames of an 8-byte header (stream number, three zeros, big-endian length) and
 * a payload. Payloads are handed on as they arrive, in order, at once and without copies.
 */
export class Demultiplexer {
  private readonly header = Buffer.alloc(HEADER);
  private headerLength = 0;
  private remaining = 0;
  private sink: (chunk: Buffer) => void;

  constructor(private readonly sinks: Sinks) {
    this.sink = sinks.stdout;
  }

  write(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length) position += this.remaining === 0 ? this.readHeader(chunk, position) : this.readPayload(chunk, position);
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
    this.sink(part);
    return part.length;
  }
}
