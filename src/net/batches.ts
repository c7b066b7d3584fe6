import { finished, type Readable } from 'node:stream';

/** Bytes that are held for a reader who is slower than the other side. */
const MANY = 256 * 1024;

/**
 * What a stream of bytes gives, in pieces of as much as comes in one turn of the event loop. A TLS connection gives 16 KiB at a time, and each
 * chunk that everything behind it handles by itself takes longer than copying it.
 */
export async function* batched(stream: Readable): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  let end: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const tell = (): void => wake?.();
  stream.on('data', (chunk: Buffer) => {
    held.push(chunk);
    size += chunk.length;
    if (size >= MANY) stream.pause();
    if (held.length === 1) setImmediate(tell);
  });
  finished(stream, { writable: false }, (error) => {
    end = error ? { error } : {};
    tell();
  });
  for (;;) {
    if (held.length === 0 && end === undefined) await new Promise<void>((resolve) => (wake = resolve));
    if (held.length > 0) {
      const bytes = held.length === 1 ? held[0]! : Buffer.concat(held, size);
      held = [];
      size = 0;
      stream.resume();
      yield bytes;
    } else if (end !== undefined) {
      if ('error' in end) throw end.error;
      return;
    }
  }
}
