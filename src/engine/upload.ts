import type { ClientRequest } from 'node:http';
import type { Readable } from 'node:stream';

/** A proxy may swallow `Expect: 100-continue`; then the body is sent anyway after so many ms. */
const CONTINUE_PATIENCE = 1000;

/** A request's body on its way to the engine: it waits until the engine wants it. */
export class Upload {
  /** Why the source failed. */
  error: Error | undefined;
  failed: (error: Error) => void = () => undefined;
  private started = false;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly body: Readable, private readonly outgoing: ClientRequest) {
    this.timer = setTimeout(() => this.begin(), CONTINUE_PATIENCE);
    outgoing.on('continue', () => this.begin());
    outgoing.on('close', () => this.stop());
    body.on('error', (error) => this.fail(error));
    body.on('close', () => {
      if (!body.readableEnded) this.fail(new Error('the stream to send was closed before its end'));
    });
    outgoing.flushHeaders();
  }

  begin(): void {
    if (this.started) return;
    this.started = true;
    clearTimeout(this.timer);
    this.body.pipe(this.outgoing);
  }

  stop(): void {
    this.started = true;
    clearTimeout(this.timer);
    if (this.body.readableEnded) return;
    this.body.unpipe(this.outgoing);
    this.error ??= new Error('not wanted');
    this.body.destroy();
  }

  private fail(error: Error): void {
    if (this.error !== undefined) return;
    this.error = error;
    this.failed(error);
    this.outgoing.destroy(error);
  }
}
