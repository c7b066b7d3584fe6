import { PassThrough, Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { tarDirectory } from '../archive/tar-directory.js';
import { Failed, fail } from '../core/failure.js';
import type { BuilderKey } from '../core/identity.js';
import type { Container, ExecSpec } from '../engine/engine.js';
import type { Builder, Command, CommandResult, Exchange } from './builder.js';
import type { BuildersOptions } from './builders-options.js';
import { ExchangedFiles, type SharedFolder } from './exchanged-files.js';
import { INSIDE } from './inside.js';
import type { Mask } from '../util/mask.js';
import { removeTree } from '../util/remove-tree.js';
import { SubjectLog } from './subject-log.js';

export interface RunningBuilderOptions {
  readonly key: BuilderKey;
  readonly image: string;
  readonly container: Container;
  /** The connection whose end is the container's end. */
  readonly lifeline: Duplex;
  readonly transport: 'bind' | 'archive';
  readonly shared?: SharedFolder;
  readonly mask: Mask;
  readonly options: BuildersOptions;
}

type ExecOptions = Omit<ExecSpec, 'argv'> & { readonly cwd?: string; readonly merged?: boolean };

/** Exit codes of shells and agents. */
const NO_SUCH_PROGRAM = 127;
const NO_SUCH_PATH = 66;

/**
 * The builder port on one running container. Files travel as tars through the standard streams of commands that run as the
 * container's user, so that everything belongs to the right user, wherever the engine is; the engine's archive calls would
 * lock the container for as long as a stream is open, and run as root.
 */
export class RunningBuilder implements Builder {
  readonly key: BuilderKey;
  readonly image: string;
  private counter = 0;
  private copied: Promise<string> | undefined;

  constructor(private readonly self: RunningBuilderOptions) {
    this.key = self.key;
    this.image = self.image;
  }

  async run(command: Command): Promise<CommandResult> {
    const { options, mask } = this.self;
    const { subject, onStdout, stdin } = command;
    const log = await SubjectLog.open(options.folders.logs, subject, { mask, onLine: (line) => options.emit({ type: 'log', subject, line }) });
    log.note(`$ ${command.argv.join(' ')}`);
    try {
      const exitCode = await this.exec(command.argv, {
        env: { ...options.env, ...command.env },
        cwd: command.cwd ?? this.newPath('folder'),
        ...(stdin === undefined ? {} : { stdin: typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin }),
        merged: onStdout === undefined,
        onStdout: onStdout ?? ((chunk) => log.write('stdout', chunk)),
        onStderr: (chunk) => log.write('stderr', chunk),
        ...(command.signal === undefined ? {} : { signal: command.signal }),
      });
      await log.close();
      return { exitCode, tail: log.tail, log: log.path };
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  async scratch(label: string): Promise<string> {
    const path = this.newPath(label);
    await this.tool(['mkdir', '-p', '--', path], `make the folder ${path}`);
    return path;
  }

  async put(path: string, tar: Readable): Promise<void> {
    await this.tool(['sh', this.agent('put.sh'), path], `unpack files into ${path}`, tar);
  }

  async take(path: string): Promise<Readable> {
    const output = new PassThrough({ highWaterMark: 1 << 20 });
    const errors: Buffer[] = [];
    const stop = new AbortController();
    output.once('close', () => stop.abort());
    output.on('error', () => undefined); // a failure before the first byte is this call's, nobody listens yet
    let began = (): void => undefined;
    const beginning = new Promise<void>((resolve) => (began = resolve));
    const ending = this.exec(['sh', this.agent('take.sh'), path], {
      signal: stop.signal,
      onStdout: (chunk) => {
        began();
        return output.write(chunk) ? undefined : drained(output);
      },
      onStderr: (chunk) => void errors.push(chunk),
    }).then((exitCode) => {
      this.expectSuccess(exitCode, `pack ${path}`, errors);
      output.end();
    });
    ending.catch((error: Error) => output.destroy(error));
    await Promise.race([beginning, ending]);
    return output;
  }

  async discard(path: string): Promise<void> {
    if (!path.startsWith(`${INSIDE.work}/`)) throw new Error(`${path} is not a scratch folder`);
    await this.tool(['sh', this.agent('discard.sh'), path], `remove ${path}`);
  }

  source(): Promise<string> {
    if (this.self.transport === 'bind') return Promise.resolve(INSIDE.source);
    this.copied ??= this.copySource().catch((error: unknown) => {
      this.copied = undefined;
      throw error;
    });
    return this.copied;
  }

  exchange(): Exchange | undefined {
    const { shared } = this.self;
    return shared === undefined ? undefined : new ExchangedFiles(shared);
  }

  agent(name: string): string {
    return `${INSIDE.agent}/${name}`;
  }

  /** What `agent/facts.sh` prints. */
  async facts(): Promise<string> {
    const chunks: Buffer[] = [];
    const exitCode = await this.exec(['sh', this.agent('facts.sh')], {
      onStdout: (chunk) => void chunks.push(chunk),
      onStderr: (chunk) => void chunks.push(chunk),
    });
    this.expectSuccess(exitCode, 'say what it is', chunks);
    return Buffer.concat(chunks).toString('utf8');
  }

  async close(): Promise<void> {
    try {
      await this.self.container.remove();
    } finally {
      this.self.lifeline.destroy();
      const { shared } = this.self;
      if (shared !== undefined) await removeTree(shared.outside);
    }
  }

  /** The project as it is, but for the store itself. */
  private async copySource(): Promise<string> {
    const { root, store } = this.self.options.folders;
    const own = store.startsWith(`${root}/`) ? store.slice(root.length + 1) : undefined;
    const path = this.newPath('source');
    await this.tool(['mkdir', '-p', '--', path], `make the folder ${path}`);
    await this.put(path, tarDirectory(root, { mtime: 'keep', special: 'skip', map: (entry) => (entry.path === own ? undefined : entry) }));
    return path;
  }

  /** A command of our own whose failure is a failure of the builder. */
  private async tool(argv: readonly string[], what: string, stdin?: Readable): Promise<void> {
    const errors: Buffer[] = [];
    const keep = (chunk: Buffer): void => void (errors.length < 100 && errors.push(chunk));
    const exitCode = await this.exec(argv, { onStdout: keep, onStderr: keep, ...(stdin === undefined ? {} : { stdin }) });
    this.expectSuccess(exitCode, what, errors);
  }

  private async exec(argv: readonly string[], { cwd = INSIDE.work, merged = false, signal, ...rest }: ExecOptions): Promise<number> {
    const { container, options } = this.self;
    const both = signal === undefined ? options.signal : AbortSignal.any([signal, options.signal]);
    const pid = `${INSIDE.pids}/${(this.counter += 1)}`;
    try {
      const { exitCode } = await container.exec({ argv: ['sh', this.agent('run.sh'), pid, cwd, merged ? 'merged' : 'apart', ...argv], ...rest, signal: both });
      return exitCode;
    } catch (error) {
      if (both.aborted && !options.signal.aborted) await this.killGroup(pid);
      throw error;
    }
  }

  /** Ends a command that nobody waits for any more, with everything that it started. */
  private async killGroup(pid: string): Promise<void> {
    await this.self.container.exec({ argv: ['sh', '-c', 'kill -s KILL -- "-$(cat "$1")"', 'sh', pid] }).catch(() => undefined);
  }

  private expectSuccess(exitCode: number, what: string, output: readonly Buffer[]): void {
    if (exitCode === 0) return;
    if (exitCode === NO_SUCH_PATH) fail({ reason: 'not-found', message: `the builder container of ${this.image} could not ${what}: it is not there` });
    const lines = Buffer.concat(output).toString('utf8').trimEnd().split('\n').slice(-20);
    const missing = exitCode === NO_SUCH_PROGRAM;
    throw new Failed({
      reason: missing ? 'unsupported' : lines.some((line) => line.includes('No space left on device')) ? 'disk' : 'engine',
      message: `the builder container of ${this.image} could not ${what}`,
      advice: missing ? 'use a builder image that has sh, mkdir, rm and tar' : 'see the lines below',
      detail: lines,
    });
  }

  private newPath(label: string): string {
    this.counter += 1;
    return `${INSIDE.work}/${this.counter}-${label.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 60)}`;
  }
}

function drained(output: PassThrough): Promise<void> {
  return new Promise((resolve, reject) => {
    // No listener is left behind: a big archive waits thousands of times.
    const settle = (): void => {
      output.off('drain', settle).off('close', settle);
      if (output.destroyed) reject(new Error('nobody reads the archive'));
      else resolve();
    };
    output.on('drain', settle).on('close', settle);
  });
}
