import type { Readable } from 'node:stream';
import { directUrl } from './direct-url.js';
import type { Obtained } from './obtained.js';

// What is said between the installer (agent/install.py) and who runs it (install-session.ts), beside wheels and pieces.

/** What became of one wheel. */
export interface Outcome {
  readonly ok: boolean;
  readonly error?: string;
  readonly warnings?: readonly string[];
  /** Of the piece, bytes. */
  readonly size?: number;
  /** It failed for want of space. */
  readonly full?: boolean;
}

/** The first line: settings for all requests. */
export function settingsLine(settings: { readonly prefix: string; readonly compile: boolean; readonly jobs: number; readonly files?: string }): Buffer {
  return Buffer.from(`${JSON.stringify(settings)}\n`);
}

/** A request; `size`: bytes of the wheel that follow. */
export function requestLine(out: string, obtained: Obtained | undefined, size: number): Buffer {
  const url = obtained === undefined ? undefined : directUrl(obtained.locked.origin);
  const request = { out, ...(obtained === undefined ? {} : { name: obtained.wheel.name }), ...(url === undefined ? {} : { directUrl: url }) };
  return Buffer.from(`${size} ${JSON.stringify(request)}\n`);
}

/** Far above what is said of a wheel whose every row is wrong. */
const OUTCOME_LIMIT = 64 * 1024 * 1024;

export async function outcomeOf(content: Readable, size: number): Promise<Outcome> {
  if (size > OUTCOME_LIMIT) throw new Error(`the installer said ${size} bytes about one wheel`);
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Outcome;
}
