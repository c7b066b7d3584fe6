/** The bytes ended before what was asked for; readers turn it into their own refusal. */
export class EndOfBytes extends Error {
  constructor() {
    super('unexpected end of data');
    this.name = 'EndOfBytes';
  }
}

/** Pulls exact amounts out of a stream of chunks, without copying where a chunk holds them. Back-pressure is the pull. */
export class ByteSource {
  /** Bytes handed out or skipped so far. */
  position = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #current: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Exactly `size` bytes; undefined at a clean end; EndOfBytes if some but not all are there. */
  async take(size: number): Promise<Buffer | undefined> {
    if (this.#current.length < size) {
      const pieces = [this.#current];
      let held = this.#current.length;
      while (held < size) {
        const next = await this.#pull();
        if (next === undefined) {
          if (held === 0) return undefined;
          throw new EndOfBytes();
        }
        pieces.push(next);
        held += next.length;
      }
      this.#current = pieces.length === 2 && pieces[0]?.length === 0 ? (pieces[1] as Buffer) : Buffer.concat(pieces, held);
    }
    return this.#shift(size);
  }

  /** At least one and at most `max` bytes, as they come; EndOfBytes at the end. */
  async some(max: number): Promise<Buffer> {
    if (this.#current.length === 0) this.#current = (await this.#pull()) ?? throwEnd();
    return this.#shift(Math.min(max, this.#current.length));
  }

  async skip(size: number): Promise<void> {
    for (let left = size; left > 0; ) left -= (await this.some(left)).length;
  }

  /** Reads to the end and gives nothing. */
  async drain(): Promise<void> {
    this.#shift(this.#current.length);
    for (let next = await this.#pull(); next !== undefined; next = await this.#pull()) this.position += next.length;
  }

  /** Looks at up to `size` first bytes without taking them. */
  async peek(size: number): Promise<Buffer> {
    while (this.#current.length < size) {
      const next = await this.#pull();
      if (next === undefined) break;
      this.#current = this.#current.length === 0 ? next : Buffer.concat([this.#current, next]);
    }
    return this.#current.subarray(0, size);
  }

  /** What is left, as chunks. */
  async *rest(): AsyncGenerator<Buffer> {
    try {
      if (this.#current.length > 0) yield this.#shift(this.#current.length);
      for (let next = await this.#pull(); next !== undefined; next = await this.#pull()) yield next;
    } finally {
      await this.close();
    }
  }

  /** Stops the source (a stream is destroyed). */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#chunks.return?.();
  }

  #shift(size: number): Buffer {
    const taken = this.#current.subarray(0, size);
    this.#current = this.#current.subarray(size);
    this.position += size;
    return taken;
  }

  async #pull(): Promise<Buffer | undefined> {
    while (!this.#ended) {
      const next = await this.#chunks.next();
      if (next.done === true) this.#ended = true;
      else if (next.value.length > 0) return Buffer.isBuffer(next.value) ? next.value : Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length);
    }
    return undefined;
  }
}

function throwEnd(): never {
  throw new EndOfBytes();
}
