import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { createHash } from 'node:crypto';
import type { Mask } from '../util/mask.js';

/** Lines that a failure shows. */
const TAIL = 40;
/** A longer line is cut into several: it is a progress bar or a minified file. */
const LONGEST = 64 * 1024;

/**
 * The log of one command: a file named after its subject in the run's log folder (more commands of one subject follow each
 * other), the last lines in memory, and every line to `onLine`. Secrets are masked before a line goes anywhere. A log that
 * can't be written does not fail the command.
 */
export class SubjectLog {
  readonly path: string;
  readonly tail: string[] = [];
  private readonly file: WriteStream;
  private readonly streams = { stdout: new Lines((line) => this.line(line)), stderr: new Lines((line) => this.line(line)) };

  private constructor(path: string, private readonly options: LogOptions) {
    this.path = path;
    this.file = createWriteStream(path, { flags: 'a' });
    this.file.on('error', () => undefined);
  }

  static async open(folder: string, subject: string, options: LogOptions): Promise<SubjectLog> {
    await mkdir(folder, { recursive: true });
    return new SubjectLog(join(folder, `${fileNameOf(subject)}.log`), options);
  }

  /** A line of ours, in the file only. */
  note(line: string): void {
    this.file.write(`${this.options.mask(line)}\n`);
  }

  write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.streams[stream].write(chunk);
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    this.streams.stdout.end();
    this.streams.stderr.end();
    await new Promise<void>((resolve) => this.file.end(resolve).on('close', resolve));
  }

  private line(raw: string): void {
    const line = this.options.mask(raw);
    this.file.write(`${line}\n`);
    this.tail.push(line);
    if (this.tail.length > TAIL) this.tail.shift();
    this.options.onLine(line);
  }
}

export interface LogOptions {
  readonly mask: Mask;
  readonly onLine: (line: string) => void;
}

/** Cuts a stream of bytes into lines, whatever ends them; of a progress bar (`\r`) every state is a line. */
class Lines {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  constructor(private readonly onLine: (line: string) => void) {}

  write(chunk: Buffer): void {
    const parts = (this.rest + this.decoder.write(chunk)).split(/\r\n|\n|\r(?!$)/);
    this.rest = parts.pop() ?? '';
    for (const part of parts) this.onLine(part);
    if (this.rest.length > LONGEST) this.end();
  }

  end(): void {
    if (this.rest !== '') this.onLine(this.rest.replace(/\r$/, ''));
    this.rest = '';
  }
}

/** Plain names stay; what a file system may not like is replaced and a hash keeps names apart. */
function fileNameOf(subject: string): string {
  const plain = subject.replace(/[^A-Za-z0-9._@+-]+/g, '-').replace(/^[.-]+/, '').slice(0, 100);
  if (plain === subject) return plain;
  return `${plain}-${createHash('sha256').update(subject).digest('hex').slice(0, 8)}`;
}
