import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { fail } from '../core/failure.js';

/** The local file behind a file: URL; `Failed` (`not-found`) if there is no such file. */
export async function openFile(url: string, subject: string): Promise<{ readonly size: number; bytes(): Promise<Buffer>; stream(): Readable }> {
  const path = pathOf(url, subject);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) fail({ reason: 'not-found', message: `${subject} is not there: no file ${path}` });
  if (!found.isFile()) fail({ reason: 'not-found', message: `${subject} is not there: ${path} is not a file` });
  return { size: found.size, bytes: () => readFile(path), stream: () => createReadStream(path, { highWaterMark: 256 * 1024 }) };
}

function pathOf(url: string, subject: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return fail({ reason: 'not-found', message: `${subject} is not there: its file: address names no local file` });
  }
}
