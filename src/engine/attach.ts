import type Dockerode from 'dockerode';
import { PassThrough, Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { Demultiplexer } from './demultiplex.js';
import type { Attachment } from './engine.js';

/** Connects to a container's streams; call before it is started. Output waits for its reader. */
export async function attachTo(container: Dockerode.Container, options: { readonly stdin: boolean; readonly tty: boolean }): Promise<Attachment> {
  const socket: Duplex = await container.attach({ _query: { stream: 1, stdin: options.stdin ? 1 : 0, stdout: 1, stderr: 1 }, _body: {}, hijack: true } as object) as unknown as Duplex;
  if (options.tty) return { stdin: socket, stdout: socket, stderr: Readable.from([]) };
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const demultiplexer = new Demultiplexer({ stdout: sender(socket, stdout), stderr: sender(socket, stderr) });
  socket.on('data', (chunk: Buffer) => void demultiplexer.write(chunk));
  socket.on('error', (error) => {
    stdout.destroy(error);
    stderr.destroy(error);
  });
  socket.on('end', () => {
    stdout.end();
    stderr.end();
  });
  socket.on('close', () => {
    stdout.end();
    stderr.end();
  });
  return { stdin: socket, stdout, stderr };
}

function sender(socket: Duplex, output: PassThrough): (chunk: Buffer) => void {
  output.on('drain', () => socket.resume());
  return (chunk) => {
    if (!output.write(chunk)) socket.pause();
  };
}
