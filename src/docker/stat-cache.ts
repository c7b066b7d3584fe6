import { createHash, randomUUID } from 'node:crypto';
import { constants, readFileSync, type BigIntStats } from 'node:fs';
import { chown, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from '../core/failure.js';
import { errorCode } from '../util/disk.js';

/**
 * Remembers content hashes of files by what lstat says of them, as git's index does, so that an unchanged file is read
 * once. A file that was changed so shortly before it was read that another change could show the same times is not
 * remembered ("racily clean"): it is read again the next time.
 */
export interface StatCache {
  /** SHA-256 of the content in hex. `name` is any stable name for the file, `status` its lstat. */
  hash(name: string, path: string, status: BigIntStats): Promise<string>;
  /** The remembered hash, if there is one to rely on. */
  known(name: string, status: BigIntStats): string | undefined;
  /** Writes what was learnt, if anything; failing to is no failure. */
  save(): Promise<void>;
  /** How many files were read since it was opened. */
  readonly reads: number;
}

interface Remembered {
  readonly hash: string;
  readonly signature: string;
  generation: number;
}

const HEADER = 'wheelwright-stat-cache-1';
/** A file not seen in so many saves is forgotten. */
const FORGET_AFTER = 16;
/** Time stamps may lag by a kernel tick; on file systems with whole seconds by two of those (FAT). */
const TICK = 20_000_000n;
const COARSE_TICK = 2_000_000_000n;

/** Opens the cache in `file`, whose folder must be there; without a file, or with an unreadable one, it starts empty. */
export function openStatCache(file?: string): StatCache {
  return new FileStatCache(file);
}

class FileStatCache implements StatCache {
  reads = 0;
  readonly #remembered: Map<string, Remembered>;
  readonly #generation: number;
  #started: Promise<bigint> | undefined;
  #changed = false;

  constructor(private readonly file: string | undefined) {
    const { generation, remembered } = read(file);
    this.#generation = generation + 1;
    this.#remembered = remembered;
  }

  known(name: string, status: BigIntStats): string | undefined {
    const entry = this.#remembered.get(name);
    if (entry === undefined || entry.signature !== signatureOf(status)) return undefined;
    entry.generation = this.#generation;
    return entry.hash;
  }

  async hash(name: string, path: string, status: BigIntStats): Promise<string> {
    const known = this.known(name, status);
    if (known !== undefined) return known;
    this.#started ??= this.#fileSystemTime();
    const started = await this.#started;
    this.reads += 1;
    const { hash, after } = await hashContent(path, status);
    const settled = signatureOf(after) === signatureOf(status) && after.ctimeNs + tickOf(after) < started;
    if (settled) {
      this.#remembered.set(name, { hash, signature: signatureOf(after), generation: this.#generation });
      this.#changed = true;
    } else if (this.#remembered.delete(name)) this.#changed = true;
    return hash;
  }

  async save(): Promise<void> {
    if (!this.#changed || this.file === undefined) return;
    this.#changed = false;
    const temp = `${this.file}.${randomUUID()}.tmp`;
    try {
      await writeFile(temp, this.#text(), { flag: 'wx' });
      // Under sudo the cache still belongs to whom its folder belongs to.
      const { uid, gid } = await stat(dirname(this.file));
      if (process.getuid?.() === 0) await chown(temp, uid, gid);
      await rename(temp, this.file);
    } catch {
      await rm(temp, { force: true }).catch(() => undefined);
    }
  }

  #text(): string {
    const lines: string[] = [];
    for (const [name, { hash, signature, generation }] of this.#remembered) {
      if (generation + FORGET_AFTER >= this.#generation) lines.push(`${hash} ${generation} ${signature} ${JSON.stringify(name)}\n`);
    }
    const body = `${this.#generation}\n${lines.join('')}`;
    return `${HEADER} ${createHash('sha256').update(body).digest('hex')}\n${body}`;
  }

  /** The file system's own time in ns, from a file written now: files are compared with nothing else. */
  async #fileSystemTime(): Promise<bigint> {
    if (this.file === undefined) return 0n;
    const probe = `${this.file}.${randomUUID()}.tmp`;
    try {
      await writeFile(probe, '', { flag: 'wx' });
      return (await stat(probe, { bigint: true })).ctimeNs;
    } catch {
      return 0n;
    } finally {
      await rm(probe, { force: true }).catch(() => undefined);
    }
  }
}

/** All that changes when content may have changed. */
function signatureOf(status: BigIntStats): string {
  return `${status.size} ${status.mtimeNs} ${status.ctimeNs} ${status.ino} ${status.dev}`;
}

function tickOf(status: BigIntStats): bigint {
  return status.ctimeNs % 1_000_000_000n === 0n ? COARSE_TICK : TICK;
}

const CHUNK = 1 << 18;

/** Of the very file that was seen: a link or pipe that has come in its place since is not followed, nor waited for. */
async function hashContent(path: string, { dev, ino, size }: BigIntStats): Promise<{ hash: string; after: BigIntStats }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    if (errorCode(error) === 'ELOOP') changed(path);
    throw error;
  });
  try {
    const seen = await file.stat({ bigint: true });
    if (seen.dev !== dev || seen.ino !== ino) changed(path);
    const hash = createHash('sha256');
    // One byte more than expected, so that the end shows in the first read.
    const buffer = Buffer.allocUnsafe(size < BigInt(CHUNK) ? Number(size) + 1 : CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
    }
    return { hash: hash.digest('hex'), after: await file.stat({ bigint: true }) };
  } finally {
    await file.close();
  }
}

function changed(path: string): never {
  return fail({ reason: 'build', message: `${path} changed while it was read`, advice: 'run the command again' });
}

const LINE = /^([0-9a-f]{64}) (\d+) (-?\d+ -?\d+ -?\d+ \d+ \d+) (".*")$/;

function read(file: string | undefined): { generation: number; remembered: Map<string, Remembered> } {
  const remembered = new Map<string, Remembered>();
  const text = file === undefined ? undefined : readText(file);
  const head = text?.indexOf('\n') ?? -1;
  if (text === undefined || head === -1) return { generation: 0, remembered };
  const body = text.slice(head + 1);
  if (text.slice(0, head) !== `${HEADER} ${createHash('sha256').update(body).digest('hex')}`) return { generation: 0, remembered };
  const [generation = '0', ...lines] = body.split('\n');
  for (const line of lines) {
    const match = LINE.exec(line);
    if (match !== null) {
      remembered.set(JSON.parse(match[4]!) as string, { hash: match[1]!, signature: match[3]!, generation: Number(match[2]) });
    }
  }
  return { generation: Number(generation), remembered };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
