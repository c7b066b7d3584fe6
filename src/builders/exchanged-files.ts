import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm, unlink, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fail } from '../core/failure.js';
import { errorCode, onDisk } from '../util/disk.js';
import type { Exchange } from './builder.js';

/** Bytes that are read at once. */
const CHUNK = 512 * 1024;

/**
 * A folder for one container. Everything in it can be changed by what runs there, at any time: files are made exclusively and
 * right in it (a folder could become a link), none is opened through a link, and nothing is believed that was not read.
 */
export interface SharedFolder {
  /** The path in the container. */
  readonly inside: string;
  /** The path on this machine. */
  readonly outside: string;
}

export class ExchangedFiles implements Exchange {
  private readonly prefix = randomUUID();

  constructor(private readonly shared: SharedFolder) {}

  get inside(): string {
    return `${this.shared.inside}/${this.prefix}-`;
  }

  async put(name: string, content: Readable): Promise<void> {
    const path = this.path(name);
    await onDisk(path, () => writeFile(path, content, { flag: 'wx', mode: 0o600 }));
  }

  async take<T>(name: string, size: number, read: (bytes: AsyncIterable<Buffer>) => Promise<T>): Promise<T> {
    const path = this.path(name);
    const odd = (what: string): never => fail({ reason: 'engine', message: `what the builder left in ${path} ${what}`, advice: 'try again; if it happens again, the file sharing of the engine loses what containers write' });
    // A link is not followed, and a pipe without a writer is not waited for.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => odd(`cannot be opened (${errorCode(error) ?? String(error)})`));
    try {
      const stat = await file.stat();
      if (!stat.isFile()) odd('is no file');
      if (stat.size !== size) odd(`has ${stat.size} bytes and not ${size}`);
      await unlink(path);
      return await read(bytesOf(file, size));
    } finally {
      await file.close();
    }
  }

  async discard(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
  }

  private path(name: string): string {
    return join(this.shared.outside, `${this.prefix}-${name}`);
  }
}

/** So many, as far as there are: whoever made the file may go on writing. Into one and the same memory, since hundreds of megabytes pass by. */
async function* bytesOf(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(size, 1)));
  for (let left = size; left > 0; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(left, buffer.length));
    if (bytesRead === 0) return;
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
