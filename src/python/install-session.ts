import { Readable } from 'node:stream';
import { readTar } from '../archive/read-tar.js';
import type { Command, CommandResult, Exchange } from '../builders/builder.js';
import { Failed } from '../core/failure.js';
import type { Problem } from '../core/failure.js';
import type { PackageKey } from '../core/identity.js';
import { runAndRead } from './command-output.js';
import { outcomeOf, requestLine, settingsLine, type Outcome } from './install-protocol.js';
import type { EnvironmentSettings, PieceRecord } from './installation.js';
import type { Obtained } from './obtained.js';
import { putPiece, takePiece } from './piece.js';
import type { Work } from './work.js';
import { emitPackage } from './work.js';

/** What becomes one piece: a package, or the empty environment. */
export interface InstallJob {
  readonly key: PackageKey;
  /** The lower ones first. */
  readonly rank: number;
  /** Absent for the empty environment. */
  readonly obtained?: Obtained;
}

interface Pending {
  readonly job: InstallJob;
  readonly title: string;
  done(piece: PieceRecord): void;
  failed(error: unknown): void;
}

/** A wheel that cannot be installed; other failures are those of the builder or of this machine. */
export class BadWheel extends Failed {}

/**
 * One run of agent/install.py: wheels go in as they arrive and pieces come out as they are made, while others are fetched and
 * compiled.
 */
export class InstallSession {
  readonly #waiting: Pending[] = [];
  /** By the name that the agent knows them by: those that it was given and has not answered. */
  readonly #given = new Map<string, Pending>();
  readonly #finishing: Promise<void>[] = [];
  #number = 0;
  /** Absent where wheels and pieces go through the agent's standard streams. */
  #files: Exchange | undefined;
  readonly #over: Promise<void>;
  #wake: (() => void) | undefined;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(private readonly settings: EnvironmentSettings, private readonly work: Work) {
    // What is still on its way to or from a file would be there after the folder of it is removed.
    const run = this.#run().finally(() => Promise.allSettled(this.#finishing));
    this.#over = run.then(
      () => this.#close(undefined),
      (error: unknown) => this.#close(error),
    );
  }

  /** It takes no more wheels, since the builder or this machine failed. */
  get broken(): boolean {
    return this.#failure !== undefined;
  }

  /** Fails with `BadWheel` where the wheel is to blame. */
  make(job: InstallJob): Promise<PieceRecord> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error as Error);
    if (this.#ended) throw new Error('a wheel came after the end');
    const title = job.obtained === undefined ? 'the empty environment' : `${job.obtained.wheel.name} ${job.obtained.wheel.version}`;
    return new Promise((done, failed) => {
      this.#waiting.push({ job, title, done, failed });
      this.#wake?.();
    });
  }

  /** No more come. Resolves when all that came are made or have failed. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#wake?.();
    await this.#over;
  }

  async #run(): Promise<void> {
    const { context, artifact, interpreter } = this.work;
    const builder = await context.builder();
    this.#files = builder.exchange();
    const command: Command = {
      subject: `install ${artifact}`,
      argv: [interpreter.facts.executable, '-I', '-S', builder.agent('install.py')],
      stdin: Readable.from(this.#requests(), { highWaterMark: 1 }),
      signal: context.signal,
    };
    const { result } = await runAndRead(builder, command, (output) => this.#take(output));
    if (result.exitCode !== 0) throw new Failed(this.#broken(result));
  }

  #broken({ exitCode, tail, log }: CommandResult): Problem {
    return { reason: 'compile', message: `installing ${this.work.artifact} in the builder failed (exit status ${exitCode})`, detail: [...tail, `whole log: ${log}`] };
  }

  /** What the agent reads: the settings, then wheels, until there are no more. */
  async *#requests(): AsyncGenerator<Buffer> {
    const { prefix, compileBytecode } = this.settings;
    const { jobs } = this.work.context;
    const files = this.#files;
    yield settingsLine({ prefix, compile: compileBytecode, jobs, ...(files === undefined ? {} : { files: files.inside }) });
    yield* files === undefined ? this.#throughStream() : this.#throughFiles(files, GIVEN * jobs);
  }

  async *#throughStream(): AsyncGenerator<Buffer> {
    for (;;) {
      const pending = this.#next();
      if (pending === undefined) {
        if (this.#ended) return;
        await this.#change();
        continue;
      }
      const out = this.#give(pending);
      const { obtained } = pending.job;
      yield requestLine(out, obtained, obtained?.wheel.size ?? 0);
      if (obtained !== undefined) yield* this.#wheel(obtained.wheel, pending);
    }
  }

  /**
   * Wheels are put there beside each other: even a small one takes a dozen turns of a loop that is busy with downloads, and the agent
   * would wait. No more than `most`, since files are never full as a pipe is: what comes later may be more urgent.
   */
  async *#throughFiles(files: Exchange, most: number): AsyncGenerator<Buffer> {
    const lines: Buffer[] = [];
    let putting = 0;
    const next = (): Pending | undefined => (this.#given.size < most ? this.#next() : undefined);
    for (;;) {
      for (let pending = next(); pending !== undefined; pending = next()) {
        putting += 1;
        const put = this.#putWheel(this.#give(pending), pending, files).then((line) => {
          putting -= 1;
          if (line !== undefined) lines.push(line);
          this.#wake?.();
        });
        this.#finishing.push(put);
      }
      const line = lines.shift();
      if (line !== undefined) yield line;
      else if (this.#ended && putting === 0 && this.#waiting.length === 0) return;
      else await this.#change();
    }
  }

  /** The name that the agent knows it by. */
  #give(pending: Pending): string {
    const out = String(this.#number);
    this.#number += 1;
    this.#given.set(out, pending);
    if (pending.job.obtained !== undefined) emitPackage(this.work, pending.title, 'installing');
    return out;
  }

  async *#wheel(wheel: Obtained['wheel'], { failed }: Pending): AsyncGenerator<Buffer> {
    let left = wheel.size;
    try {
      for await (const chunk of await this.work.context.store.readBlob(wheel.blob)) {
        const part = (chunk as Buffer).subarray(0, left);
        left -= part.length;
        yield part;
      }
    } catch (error) {
      // The others go on: the agent gets what was announced, and what it makes of it is not asked for.
      failed(error);
      for (; left > 0; left -= Math.min(left, ZEROS.length)) yield ZEROS.subarray(0, left);
    }
  }

  /** The request; undefined if the wheel can't be read or put there: the agent hears nothing of it. */
  async #putWheel(out: string, pending: Pending, files: Exchange): Promise<Buffer | undefined> {
    const { obtained } = pending.job;
    const name = `${out}.whl`;
    try {
      if (obtained !== undefined) await files.put(name, await this.work.context.store.readBlob(obtained.wheel.blob));
      return requestLine(out, obtained, 0);
    } catch (error) {
      this.#answered(out);
      pending.failed(error);
      await files.discard(name).catch(() => undefined);
      return undefined;
    }
  }

  /** Until there is something to do, or less. */
  #change(): Promise<void> {
    return new Promise((wake) => (this.#wake = wake));
  }

  #next(): Pending | undefined {
    if (this.#waiting.length === 0) return undefined;
    const first = this.#waiting.reduce((one, other) => (comesBefore(other.job, one.job) ? other : one));
    this.#waiting.splice(this.#waiting.indexOf(first), 1);
    return first;
  }

  /** Reads outcomes and pieces as the agent makes them. */
  async #take(output: Readable): Promise<void> {
    const limits = { bytes: Number.MAX_SAFE_INTEGER };
    for await (const { entry, content } of readTar(output, { subject: 'installed packages', limits })) {
      const [, out = '', what = ''] = /^(\d+)\.(json|tar)$/.exec(entry.path) ?? [];
      const pending = this.#given.get(out);
      if (entry.type !== 'file' || pending === undefined) continue;
      if (what === 'tar') await this.#piece(out, pending, content);
      else {
        const outcome = await outcomeOf(content, entry.size);
        this.#outcome(out, pending, outcome);
        // Beside each other too: there are no more than the agent has been given. One that can't be taken is the end of all.
        if (outcome.ok && this.#files !== undefined) {
          const taken = this.#files.take(`${out}.tar`, outcome.size ?? -1, (bytes) => this.#piece(out, pending, bytes));
          this.#finishing.push(taken.catch((error: unknown) => void output.destroy(error as Error)));
        }
      }
    }
    await Promise.all(this.#finishing);
    if (output.errored !== null) throw output.errored;
  }

  #outcome(out: string, pending: Pending, { ok, error = 'unknown', warnings = [], full = false }: Outcome): void {
    const { job, title } = pending;
    const { work } = this;
    if (job.obtained !== undefined && !ok) emitPackage(work, title, 'failed');
    // A wheel with many wrong rows is one warning.
    const [first, ...others] = warnings;
    if (first !== undefined) {
      const more = others.length === 0 ? '' : ` and ${others.length} more`;
      work.context.emit({ type: 'warning', problem: { reason: 'archive', message: `${title}: ${first}${more}` } });
    }
    if (ok) return;
    this.#answered(out);
    if (full) return pending.failed(new Failed({ reason: 'disk', message: `no space was left to install ${title}: ${error}`, advice: 'make room where the store and the files of the engine are' }));
    const place = job.obtained === undefined ? undefined : work.places.get(job.obtained.wheel.name);
    const advice = 'the wheel is broken or made to do harm: take another version, or tell its publisher';
    pending.failed(new BadWheel({ reason: 'archive', message: `${title} cannot be installed: ${error}`, advice, ...(place === undefined ? {} : { place }) }));
  }

  #answered(out: string): void {
    this.#given.delete(out);
    this.#wake?.();
  }

  /** While its record is written and synced the next piece is read. */
  async #piece(out: string, { job, title, done, failed }: Pending, content: AsyncIterable<Buffer>): Promise<void> {
    const { work } = this;
    const { store } = work.context;
    const taken = await takePiece(content, title, work.context);
    this.#answered(out);
    const finish = async (): Promise<void> => {
      const record = await putPiece(store, job.key, taken);
      if (job.obtained !== undefined) emitPackage(work, title, 'installed');
      done(record);
    };
    this.#finishing.push(finish().catch(failed));
  }

  /** Nobody waits for ever: what has no answer fails. */
  #close(error: unknown): void {
    const lost = error ?? new Error('the installer left a package out');
    this.#failure = { error: lost };
    for (const { failed } of [...this.#given.values(), ...this.#waiting]) failed(lost);
    this.#wake?.();
  }
}

/** Wheels that the agent has been given and not answered, for each that it works on: one, one whose piece is read, and one that waits. */
const GIVEN = 3;
const ZEROS = Buffer.alloc(64 * 1024);

/** By rank; of one rank the biggest, since it takes the longest. */
function comesBefore(one: InstallJob, other: InstallJob): boolean {
  const size = ({ obtained }: InstallJob): number => obtained?.wheel.size ?? 0;
  return one.rank < other.rank || (one.rank === other.rank && size(one) > size(other));
}
