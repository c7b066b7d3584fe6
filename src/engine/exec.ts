import type Dockerode from 'dockerode';
import type { Duplex, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Failed } from '../core/failure.js';
import { goneProblem } from './connection-problem.js';
import { environment } from './container-body.js';
import { Demultiplexer } from './demultiplex.js';
import type { ExecSpec } from './engine.js';
import { asking, statusOf } from './refusal.js';

/** A program that is not there or not executable, as shells number it. */
const CANNOT_RUN = 127;

/**
 * Runs a command in a running container. The output is demultiplexed here and handed on at once, so that nothing is
 * pending when the stream ends; the exit code is asked for afterwards, until the engine knows it.
 */
export async function execIn(container: Dockerode.Container, name: string, spec: ExecSpec): Promise<{ exitCode: number }> {
  const exec = await asking(`run ${spec.argv[0]} in ${name}`, () => container.exec({
    Cmd: [...spec.argv],
    AttachStdin: spec.stdin !== undefined,
    AttachStdout: true,
    AttachStderr: true,
    Env: [...environment(spec.env)],
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.signal === undefined ? {} : { abortSignal: spec.signal }),
  }));
  const socket = await start(exec, spec);
  if (socket === undefined) return { exitCode: CANNOT_RUN };
  await converse(socket, name, spec);
  return { exitCode: await exitCode(exec, name, spec.signal) };
}

/** Newer engines refuse a program that cannot run with 400, older ones write it into the output. */
async function start(exec: Dockerode.Exec, spec: ExecSpec): Promise<Duplex | undefined> {
  try {
    return await exec.start({ hijack: true, stdin: true, Detach: false, Tty: false, ...(spec.signal === undefined ? {} : { abortSignal: spec.signal }) });
  } catch (error) {
    if (statusOf(error) !== 400) return await asking(`run ${spec.argv[0]}`, () => Promise.reject(error));
    spec.onStderr?.(Buffer.from(`${(error as Error).message}\n`));
    return undefined;
  }
}

async function converse(socket: Duplex, name: string, spec: ExecSpec): Promise<void> {
  const demultiplexer = new Demultiplexer({ stdout: spec.onStdout ?? ignore, stderr: spec.onStderr ?? ignore });
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      // What a receiver throws goes to its caller, not to the process.
      const stop = (error: unknown) => void socket.destroy(error as Error);
      try {
        const wait = demultiplexer.write(chunk);
        if (wait === undefined) return;
        socket.pause();
        wait.then(() => socket.resume(), stop);
      } catch (error) {
        stop(error);
      }
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The command ended without reading all of its input.
      if (spec.stdin !== undefined && (error.code === 'EPIPE' || error.code === 'ECONNRESET')) return;
      reject(error.code === undefined ? error : new Failed(goneProblem(name, error.code), { cause: error }));
    });
    socket.on('close', () => (demultiplexer.complete ? resolve() : reject(new Failed(goneProblem(name, 'output cut short')))));
    socket.on('end', () => socket.end());
    if (spec.stdin !== undefined) feed(spec.stdin, socket, reject);
  });
}

function feed(stdin: Readable, socket: Duplex, failed: (error: Error) => void): void {
  stdin.on('error', (error) => {
    failed(error);
    socket.destroy();
  });
  socket.on('close', () => stdin.destroy());
  stdin.pipe(socket);
}

/** The stream may end before the engine has noted the exit code, and a command may close its output and go on. */
async function exitCode(exec: Dockerode.Exec, name: string, signal: AbortSignal | undefined): Promise<number> {
  for (let pause = 5; ; pause = Math.min(pause * 2, 1000)) {
    const state = await asking(`say how a command ended in ${name}`, () => exec.inspect(signal === undefined ? {} : { abortSignal: signal }));
    if (!state.Running && typeof state.ExitCode === 'number') return state.ExitCode;
    await delay(pause, undefined, { signal }).catch(() => undefined); // the next question says why it ends
  }
}

function ignore(): void {}
