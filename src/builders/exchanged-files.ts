import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fail } from '../core/failure.js';
import { onDisk } from '../util/disk.js';
import type { Exchange } from './builder.js';

/** Bytes that are read at once. */
const CHUNK = 256 * 1024;

/** Files of one command in the folder that a builder shares with this machine, under names that nobody else has. */
export class ExchangedFiles {
  private readonly prefix = randomUUID();

  constructor(private readonly exchange: Exchange) {}

  /** What the paths of all files begin with in the container. */
  get inside(): string {
    return `${this.exchange.inside}/${this.prefix}-`;
  }

  /** A file for the container. Fails `disk`. */
  async put(name: string, content: Readable): Promise<void> {
    const path = this.path(name);
    await onDisk(path, () => writeFile(path, content, { flag: 'wx', mode: 0o600 }));
  }

  /** A file that the container made, of so many bytes; its name is gone then. Fails `engine` if it is something else. */
  async take(name: string, size: number): Promise<Readable> {
    const path = this.path(name);
    const odd = (what: string): never => fail({ reason: 'engine', message: `what the builder left in ${path} ${what}`, advice: 'try again; if it happens again, the file sharing of the engine loses what containers write' });
    // A link is not followed, and a pipe without a writer is not waited for.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => odd('cannot be opened'));
    try {
      const stat = await file.stat();
      if (!stat.isFile()) odd('is no file');
      if (stat.size !== size) odd(`has ${stat.size} bytes and not ${size}`);
      await unlink(path);
    } catch (error) {
      await file.close();
      throw error;
    }
    return file.createReadStream({ highWaterMark: CHUNK });
  }

  async discard(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
  }

  private path(name: string): string {
    return join(this.exchange.outside, `${this.prefix}-${name}`);
  }
}
