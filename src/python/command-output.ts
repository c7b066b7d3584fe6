import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import type { Builder, Command, CommandResult } from '../builders/builder.js';

/**
 * Runs a command whose standard output is read meanwhile. When reading fails the command is ended, and that is the error;
 * `output` is absent where the command failed.
 */
export async function runAndRead<T>(builder: Builder, command: Command, read: (output: Readable) => Promise<T>): Promise<{ readonly result: CommandResult; readonly output?: T }> {
  const stop = new AbortController();
  const output = chunks();
  const reading = read(output).catch((error: unknown) => {
    stop.abort(error);
    throw error;
  });
  reading.catch(() => undefined);
  const signal = command.signal === undefined ? stop.signal : AbortSignal.any([command.signal, stop.signal]);
  const result = await builder.run({ ...command, onStdout: writer(output), signal }).catch((error: unknown) => {
    output.destroy();
    // Whoever read the output knows better why there is no more of it.
    throw stop.signal.aborted ? stop.signal.reason : error;
  });
  if (result.exitCode !== 0) {
    output.destroy();
    return { result };
  }
  output.end();
  return { result, output: await reading };
}

/** Passes chunks on one by one: a stream of bytes would join what it holds into a new buffer for each reading. */
export function chunks(): PassThrough {
  return new PassThrough({ objectMode: true, highWaterMark: 16 });
}

/** Writes into a stream, which may be destroyed; what it returns while the stream is full is one and the same promise. */
function writer(stream: PassThrough): (chunk: Buffer) => Promise<void> | undefined {
  let full: Promise<void> | undefined;
  return (chunk) => {
    if (stream.destroyed || stream.write(chunk)) return undefined;
    full ??= new Promise<void>((resolve) => {
      const go = (): void => {
        stream.off('drain', go).off('close', go);
        full = undefined;
        resolve();
      };
      stream.on('drain', go).on('close', go);
    });
    return full;
  };
}
