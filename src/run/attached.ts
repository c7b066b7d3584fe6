import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { Failed } from '../core/failure.js';
import type { Attachment, Container, ContainerSpec, Engine } from '../engine/engine.js';

/** The terminal or pipes that a container is connected to. */
export interface Console {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Calls back for each signal that the container should get; returns how to stop that. */
  onSignal(forward: (signal: NodeJS.Signals) => void): () => void;
  /** A line for the user, once the container runs. */
  notice(line: string): void;
}

/** Seconds that a container whose user has gone gets to end by itself: after a hangup, and after it was asked to stop. */
const GRACE = 10;
const CLOSED = Symbol('nobody reads the output');
/** Tries, and milliseconds between them, until a container that was just started takes the terminal's size. */
const RESIZES = 20;
const RESIZE_INTERVAL = 25;

export interface AttachedRun {
  readonly spec: ContainerSpec;
  readonly io: Console;
  /** Before it is started. */
  readonly prepare?: (container: Container) => Promise<void>;
}

/** Runs a container to its end, connected to the console; resolves to its exit status. Nothing of it is left. */
export async function runAttached(engine: Engine, { spec, io, prepare }: AttachedRun): Promise<number> {
  const signals = new Signals();
  const undo = [io.onSignal((signal) => signals.arrived(signal))];
  try {
    const container = await engine.createContainer(spec);
    let status: number;
    try {
      await prepare?.(container);
      status = await runToEnd({ container, spec, io, signals, undo });
    } catch (error) {
      // What happened first is told; a container that could not be removed goes with the next run.
      await container.remove().catch(ignore);
      throw error;
    }
    await container.remove();
    return status;
  } finally {
    for (const step of undo.reverse()) step();
  }
}

interface Running {
  readonly container: Container;
  readonly spec: ContainerSpec;
  readonly io: Console;
  readonly signals: Signals;
  readonly undo: (() => void)[];
}

async function runToEnd({ container, spec, io, signals, undo }: Running): Promise<number> {
  const tty = spec.tty === true;
  const attached = await container.attach({ stdin: true, tty });
  undo.push(() => void attached.stdin.destroy());
  // When the engine dies, waiting for the container tells it; a container that ends early does not read its input.
  for (const stream of [attached.stdin, attached.stdout, attached.stderr]) stream.on('error', ignore);
  const delivered = Promise.all([ending(attached.stdout), ending(attached.stderr)]);
  const early = signals.first;
  if (early !== undefined) return 128 + constants.signals[early];
  await start(container, spec);
  if (tty) undo.push(rawTerminal(io.stdin));
  const closed = connect(attached, io, undo).then(() => CLOSED);
  signals.forwardTo(container);
  closed.then(() => container.stop(GRACE)).catch(ignore);
  if (tty) undo.push(followSize(container, io.stdout));
  if (spec.ports?.some(({ hostPort }) => hostPort === 0) === true) await tellPorts(container, io);
  const { exitCode } = await container.wait();
  return (await Promise.race([closed, delivered])) === CLOSED ? 128 + constants.signals.SIGPIPE : exitCode;
}

async function start(container: Container, spec: ContainerSpec): Promise<void> {
  try {
    await container.start();
  } catch (error) {
    const ports = (spec.ports ?? []).filter(({ hostPort }) => hostPort !== 0).map(({ hostPort }) => hostPort);
    if (!(error instanceof Failed) || ports.length === 0) throw error;
    const advice = `See whether another program, or another run of this, has port ${ports.join(' or ')} of this machine`;
    throw new Failed(error.problems.map((problem) => ({ ...problem, advice })), { cause: error });
  }
}

/** Pipes all three streams; the promise resolves if the reader of our output goes away. */
function connect(attached: Attachment, io: Console, undo: (() => void)[]): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    for (const [from, to] of [[attached.stdout, io.stdout], [attached.stderr, io.stderr]] as const) {
      const gone = () => {
        from.unpipe(to);
        from.resume();
        resolve();
      };
      to.on('error', gone);
      undo.push(() => void to.off('error', gone).on('error', ignore));
      from.pipe(to, { end: false });
    }
  });
  // The other side of a terminal that was closed.
  io.stdin.on('error', ignore);
  io.stdin.pipe(attached.stdin);
  undo.push(() => {
    io.stdin.unpipe(attached.stdin);
    io.stdin.pause();
  });
  return closed;
}

/** Signals in the order they came: kept until there is a container that can get them. */
class Signals {
  private readonly waiting: NodeJS.Signals[] = [];
  private container: Container | undefined;

  get first(): NodeJS.Signals | undefined {
    return this.waiting[0];
  }

  arrived(signal: NodeJS.Signals): void {
    if (this.container === undefined) this.waiting.push(signal);
    else this.send(this.container, signal);
  }

  forwardTo(container: Container): void {
    this.container = container;
    for (const signal of this.waiting.splice(0)) this.send(container, signal);
  }

  /** After a hangup nobody is there to see whether the program minds it. */
  private send(container: Container, signal: NodeJS.Signals): void {
    const sent = container.kill(signal);
    (signal === 'SIGHUP' ? sent.then(() => pause(GRACE * 1000)).then(() => container.stop(GRACE)) : sent).catch(ignore);
  }
}

function rawTerminal(stdin: NodeJS.ReadStream): () => void {
  stdin.setRawMode(true);
  return () => {
    try {
      stdin.setRawMode(false);
    } catch {
      // The terminal is no more.
    }
  };
}

/** The container's terminal has the size of ours, now and after every change; sizes are sent one by one, so the last one stays. */
function followSize(container: Container, stdout: NodeJS.WriteStream): () => void {
  let stopped = false;
  let turn = Promise.resolve();
  const send = async () => {
    for (let tries = 0; tries < RESIZES && !stopped; tries += 1) {
      const done = await container.resize(stdout.columns, stdout.rows).then(() => true, () => false);
      if (done) return;
      await pause(RESIZE_INTERVAL);
    }
  };
  const resize = () => void (turn = turn.then(send));
  resize();
  stdout.on('resize', resize);
  return () => {
    stopped = true;
    stdout.off('resize', resize);
  };
}

/** Only for ports that the engine chose: the others are written in the project file. */
async function tellPorts(container: Container, io: Console): Promise<void> {
  const state = await container.inspect();
  for (const [port, addresses] of Object.entries(state?.ports ?? {})) {
    for (const address of addresses) io.notice(`port ${port} is ${address}`);
  }
}

/** Output may still be on its way when the container has ended. */
function ending(stream: Readable): Promise<void> {
  return new Promise((resolve) => void stream.once('end', resolve).once('close', resolve).once('error', () => resolve()));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds).unref());
}

function ignore(): void {}
