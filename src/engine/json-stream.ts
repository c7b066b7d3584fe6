import type { Readable } from 'node:stream';
import { Failed } from '../core/failure.js';
import type { Reason } from '../core/failure.js';

/** One frame of the engine's progress stream (pull, push, build, load); every field is checked before it is believed. */
export interface Frame {
  readonly id?: string;
  readonly stream?: string;
  readonly status?: string;
  readonly progress?: string;
  readonly aux?: unknown;
}

/** A line above this is not progress. */
const MAX_LINE = 64 * 1024 * 1024;

/**
 * Reads a stream of JSON objects, one per line, to its end. The status of the whole is in its frames: an `error` frame is
 * a Failed with `reason`, whatever the HTTP status was, and the frames after it are read but count no more.
 */
export async function foldFrames(body: Readable, { what, reason, onFrame }: FoldOptions): Promise<void> {
  let error: ErrorFrame | undefined;
  for await (const line of lines(body)) {
    const frame = parseFrame(line);
    if (frame === undefined) throw new Failed({ reason: 'engine', message: `the engine sent progress that is not JSON while it was to ${what}` });
    error ??= errorOf(frame);
    if (error === undefined) onFrame(checked(frame));
  }
  if (error !== undefined) throw new Failed({ reason, message: `could not ${what}: ${error.message}` }, { cause: error });
}

/** The engine's own words for why it failed, the cause of the Failed; `exitCode` where it was a command's. */
export class ErrorFrame extends Error {
  constructor(message: string, readonly exitCode: number | undefined) {
    super(message);
    this.name = 'ErrorFrame';
  }
}

export interface FoldOptions {
  /** What the engine does, as in "could not …". */
  readonly what: string;
  readonly reason: Reason;
  readonly onFrame: (frame: Frame) => void;
}

/** A frame as a line for people; undefined where there is nothing worth a line (progress bars). */
export function statusLine({ id, status, progress }: Frame): string | undefined {
  if (status === undefined || progress !== undefined) return undefined;
  return id === undefined ? status : `${id}: ${status}`;
}

async function* lines(body: Readable): AsyncIterable<string> {
  let rest: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]).toString('utf8');
      rest = [];
      size = 0;
      start = end + 1;
    }
    rest.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > MAX_LINE) throw new Failed({ reason: 'engine', message: 'the engine sent a line of more than 64 MiB' });
  }
  yield Buffer.concat(rest).toString('utf8');
}

function parseFrame(line: string): Readonly<Record<string, unknown>> | undefined {
  if (line.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function errorOf(frame: Readonly<Record<string, unknown>>): ErrorFrame | undefined {
  const detail = frame['errorDetail'] as { message?: unknown; code?: unknown } | null | undefined;
  const text = detail?.message ?? frame['error'];
  if (text === undefined || text === null || text === '') return undefined;
  return new ErrorFrame(String(text).trim(), typeof detail?.code === 'number' && detail.code !== 0 ? detail.code : undefined);
}

function checked(frame: Readonly<Record<string, unknown>>): Frame {
  const text = (name: string) => (typeof frame[name] === 'string' && frame[name] !== '' ? { [name]: frame[name] } : {});
  return { ...text('id'), ...text('stream'), ...text('status'), ...text('progress'), ...(frame['aux'] === undefined ? {} : { aux: frame['aux'] }) };
}
