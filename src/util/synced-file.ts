import { closeSync, fchmodSync, fdatasync, fstatSync, futimesSync, openSync, write, writeSync, type Stats } from 'node:fs';
import { promisify } from 'node:util';

/** Bytes that are written directly: a turn through the thread pool takes longer than the copy. */
const DIRECT = 64 * 1024;

const writeInPool = promisify(write);
const sync = promisify(fdatasync);

/**
 * A new file that is written, given its mode, synced and closed. All but big writes and the sync are done directly: small files
 * come by the thousand, and most of their price would be the way to the thread pool and back. Errors are the system's own.
 */
export class SyncedFile {
  #descriptor: number;

  /** `path` must not exist. */
  constructor(path: string) {
    this.#descriptor = openSync(path, 'wx', 0o600);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const left = bytes.length - done;
      done += left <= DIRECT ? writeSync(this.#descriptor, bytes, done, left) : (await writeInPool(this.#descriptor, bytes, done, left, null)).bytesWritten;
    }
  }

  /** The bytes are on the disk then, and the file has this mode whatever the umask. `time`: of its last change, where the file system takes one. */
  async finish(mode: number, time?: Date): Promise<Stats> {
    fchmodSync(this.#descriptor, mode);
    if (time !== undefined) setTime(this.#descriptor, time);
    await sync(this.#descriptor);
    return fstatSync(this.#descriptor);
  }

  /** Always, also after an error. Twice is fine. */
  close(): void {
    if (this.#descriptor !== -1) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

function setTime(descriptor: number, time: Date): void {
  try {
    futimesSync(descriptor, time, time);
  } catch {
    // It has the real one then.
  }
}
